//! The broker dies while retries wait in the ladder, and again while they come due.

use std::collections::HashSet;

use testkit::receiver::{Answer, Script};
use testkit::servers::PrivateRabbit;

use crate::known_queues::wait_until_written_down;
use crate::scene::{Scene, site_on};
use crate::turn;

const EVENTS: usize = 1000;
const LADDER: &str = "webhooks.retry.2s";

/// The first attempt of each delivery fails, all others succeed.
fn fails_each_once() -> Script {
    let mut seen = HashSet::new();
    Script::decided_by(
        move |request, _| {
            if seen.insert(request.webhook_id().to_owned()) { Answer::status(503) } else { Answer::ok() }
        },
    )
}

#[tokio::test]
async fn retries_that_wait_or_come_due_survive_the_death_of_the_broker() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut broker = PrivateRabbit::temporary().await?;
    let mut site = site_on(&broker).await?;
    site.set("WEBHOOKS_RETRY__DELAYS", "2s");
    let scene = Scene::start(site, fails_each_once()).await?;
    wait_until_written_down(&broker).await?;
    scene.publish("e", EVENTS).await?;
    scene.wait_for(EVENTS).await?;
    let vhost = scene.all.site.vhost().clone();
    let waiting = vhost.ready(LADDER).await?;
    broker.kill_nine().await?;
    assert!(waiting > Some(100), "{waiting:?} retries wait: too late for a kill while they do");

    broker.start_again().await?;
    scene.wait_for(EVENTS + 1).await?;
    broker.kill_nine().await?;
    assert!(scene.all.receiver.count() < 2 * EVENTS, "all retries were made: too late for a kill in the middle");
    broker.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, 2 * EVENTS).await
}
