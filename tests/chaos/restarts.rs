//! Servers that are restarted in order, while the programs are idle and while they work.

use std::time::Duration;

use testkit::receiver::Answer;
use testkit::servers::{PrivatePostgres, PrivateRabbit};

use crate::scene::{Scene, site_in, site_on};
use crate::turn;

const EVENTS: usize = 1000;
const SLOW: Duration = Duration::from_millis(50);

#[tokio::test]
async fn the_programs_outlast_a_restart_of_the_broker() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut broker = PrivateRabbit::temporary().await?;
    let mut scene = Scene::start(site_on(&broker).await?, Answer::ok().delay(SLOW)).await?;
    broker.stop().await?;
    scene.all.sender.wait_unmet(&["broker consumer", "broker publisher"]).await?;
    scene.all.fanout.wait_unmet(&["broker consumer", "broker publisher"]).await?;
    broker.start_again().await?;
    scene.wait_ready().await?;

    scene.all.crm = scene.all.site.crm().await?;
    tokio::try_join!(scene.publish("e", EVENTS), scene.wait_for(EVENTS / 10))?;
    broker.stop().await?;
    assert!(scene.all.receiver.count() < EVENTS, "everything was done before the restart");
    broker.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}

#[tokio::test]
async fn the_programs_outlast_a_restart_of_the_database() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut database = PrivatePostgres::temporary().await?;
    let mut scene = Scene::start(site_in(&database).await?, Answer::ok().delay(SLOW)).await?;
    database.stop().await?;
    scene.all.sender.wait_unmet(&["database"]).await?;
    scene.all.fanout.wait_unmet(&["database"]).await?;
    database.start_again().await?;
    scene.wait_ready().await?;

    tokio::try_join!(scene.publish("e", EVENTS), scene.wait_for(EVENTS / 10))?;
    database.stop().await?;
    assert!(scene.all.receiver.count() < EVENTS, "everything was done before the restart");
    database.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}
