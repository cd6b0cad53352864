//! `kill -9` in the middle of five thousand events.

use std::time::Duration;

use e2e::Site;
use testkit::receiver::Answer;
use testkit::servers::{PrivatePostgres, PrivateRabbit};

use crate::known_queues::wait_until_written_down;
use crate::scene::{Scene, site_in, site_on};
use crate::turn;

const EVENTS: usize = 5000;
/// Requests that have arrived when something is killed: every part is at work.
const BEGUN: usize = 500;

/// Slow enough for everything to be in the middle of its work when it is killed.
async fn start(site: Site) -> anyhow::Result<Scene> {
    Scene::start(site, Answer::ok().delay(Duration::from_millis(20))).await
}

/// Publishes everything, and waits until the middle is reached.
async fn reach_the_middle(scene: &Scene) -> anyhow::Result<()> {
    tokio::try_join!(scene.publish("e", EVENTS), scene.wait_for(BEGUN))?;
    let arrived = scene.all.receiver.count();
    assert!(
        arrived < EVENTS * 9 / 10,
        "{arrived} have arrived already: too late for a kill in the middle"
    );
    Ok(())
}

#[tokio::test]
async fn the_death_of_fanout_loses_no_event() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut scene = start(Site::new().await?).await?;
    // Whatever a stopped fanout has not taken makes sure that the kill hits it at work.
    scene.all.fanout.stop().await?;
    scene.publish("e", EVENTS).await?;
    scene.all.fanout.start_again().await?;
    scene.wait_for(BEGUN / 10).await?;
    scene.all.fanout.kill_nine()?;
    let unfinished = scene.all.site.vhost().ready("webhooks.events").await?;
    assert!(
        unfinished > Some(0),
        "fanout had finished: too late for a kill in the middle"
    );
    scene.all.fanout.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}

#[tokio::test]
async fn the_death_of_a_sender_loses_no_delivery() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut scene = start(Site::new().await?).await?;
    reach_the_middle(&scene).await?;
    scene.all.sender.kill_nine()?;
    scene.wait_for(EVENTS * 7 / 10).await?;
    scene.all.sender.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}

#[tokio::test]
async fn the_death_of_the_broker_loses_nothing_that_it_confirmed() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut broker = PrivateRabbit::temporary().await?;
    let scene = start(site_on(&broker).await?).await?;
    wait_until_written_down(&broker).await?;
    reach_the_middle(&scene).await?;
    broker.kill_nine().await?;
    broker.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}

#[tokio::test]
async fn the_death_of_the_database_loses_no_outcome() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut database = PrivatePostgres::temporary().await?;
    let scene = start(site_in(&database).await?).await?;
    reach_the_middle(&scene).await?;
    database.kill_nine().await?;
    database.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}
