//! Servers that are restarted in order, while the programs are idle and while they work.

use std::time::Duration;

use e2e::Site;
use testkit::receiver::Answer;
use testkit::servers::{PrivatePostgres, PrivateRabbit};

use crate::scene::{Scene, site_in, site_on};
use crate::turn;

/// Published before a restart, and again after it.
const EVENTS: usize = 500;
/// Of the first half, this many have arrived when the server is stopped.
const BEGUN: usize = 50;

/// Two senders with four requests in flight each, to a receiver that takes 50 ms: 160 a second at most, so that the
/// restart finds them at work.
async fn start(mut site: Site) -> anyhow::Result<Scene> {
    site.set("WEBHOOKS_SENDER__PER_WEBHOOK_CONCURRENCY", "4");
    Scene::start(site, Answer::ok().delay(Duration::from_millis(50))).await
}

/// What was published before the restart arrives, and so does what is published after it.
async fn go_on(mut scene: Scene) -> anyhow::Result<()> {
    scene.wait_ready().await?;
    scene.all.crm = scene.all.site.crm().await?;
    scene.publish("after", EVENTS).await?;
    scene.wait_all_delivered(2 * EVENTS).await?;
    scene.finish(2 * EVENTS, 2 * EVENTS).await
}

#[tokio::test]
async fn the_programs_outlast_a_restart_of_the_broker() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut broker = PrivateRabbit::temporary().await?;
    let mut scene = start(site_on(&broker).await?).await?;
    broker.stop().await?;
    scene
        .all
        .sender
        .wait_unmet(&["broker consumer", "broker publisher"])
        .await?;
    scene
        .all
        .fanout
        .wait_unmet(&["broker consumer", "broker publisher"])
        .await?;
    broker.start_again().await?;
    scene.wait_ready().await?;

    scene.all.crm = scene.all.site.crm().await?;
    tokio::try_join!(scene.publish("before", EVENTS), scene.wait_for(BEGUN))?;
    broker.stop().await?;
    broker.start_again().await?;
    go_on(scene).await
}

#[tokio::test]
async fn the_programs_outlast_a_restart_of_the_database() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut database = PrivatePostgres::temporary().await?;
    let mut scene = start(site_in(&database).await?).await?;
    database.stop().await?;
    scene.all.sender.wait_unmet(&["database"]).await?;
    scene.all.fanout.wait_unmet(&["database"]).await?;
    database.start_again().await?;
    scene.wait_ready().await?;

    tokio::try_join!(scene.publish("before", EVENTS), scene.wait_for(BEGUN))?;
    database.stop().await?;
    database.start_again().await?;
    go_on(scene).await
}
