//! The broker dies while retries come due, and again while they wait in the ladder.

use e2e::DEADLINE;
use testkit::servers::PrivateRabbit;
use testkit::wait;

use crate::known_queues::wait_until_written_down;
use crate::scene::{Scene, fails_each_once, site_on};
use crate::turn;

const EVENTS: usize = 1000;
/// Retries made when the broker is killed in the middle of them.
const BEGUN: usize = 50;
/// Retries waiting when it is killed again.
const WAITING: u32 = 100;
const LADDER: &str = "webhooks.retry.2s";

#[tokio::test]
async fn retries_that_come_due_or_wait_survive_the_death_of_the_broker() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut broker = PrivateRabbit::temporary().await?;
    let mut site = site_on(&broker).await?;
    site.set("WEBHOOKS_RETRY__DELAYS", "2s");
    let mut scene = Scene::start(site, fails_each_once()).await?;
    wait_until_written_down(&broker).await?;

    scene.publish("due", EVENTS).await?;
    scene.wait_for(EVENTS + BEGUN).await?;
    broker.kill_nine().await?;
    assert!(
        scene.all.receiver.count() < 2 * EVENTS,
        "all retries were made: too late for a kill in the middle"
    );
    broker.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;

    scene.all.crm = scene.all.site.crm().await?;
    let before = scene.all.receiver.count();
    scene.publish("waiting", EVENTS).await?;
    scene.wait_for(before + EVENTS).await?;
    let vhost = scene.all.site.vhost();
    let wait = async || vhost.ready(LADDER).await.is_ok_and(|waiting| waiting > Some(WAITING));
    wait::until(DEADLINE, "retries to wait in the ladder", wait).await?;
    broker.kill_nine().await?;
    broker.start_again().await?;
    scene.wait_all_delivered(2 * EVENTS).await?;
    scene.finish(2 * EVENTS, 4 * EVENTS).await
}
