//! Held deliveries survive the death of the sender that holds them, of the relay that releases them, and of the broker
//! in between.

use std::time::Duration;

use testkit::servers::PrivateRabbit;
use testkit::wait;

use crate::known_queues::wait_until_written_down;
use crate::scene::{RECOVERY, Scene, site_on};
use crate::turn;

const EVENTS: usize = 1000;
/// Deliveries sent when something is killed.
const BEGUN: usize = 100;
/// Slow enough for a kill in the middle, fast enough for a test.
const PACE: &str = "100";
const SEEN_WITHIN: Duration = Duration::from_secs(1);

impl Scene {
    async fn webhook(&self) -> anyhow::Result<String> {
        let webhooks = self.all.api.get("/webhooks").await?;
        Ok(webhooks["data"][0]["id"].as_str().unwrap_or_default().to_owned())
    }

    async fn wait_held(&self, webhook: &str, held: usize) -> anyhow::Result<()> {
        let is_held = async || self.all.api.webhook(webhook).await.is_ok_and(|it| it["held"] == held);
        Ok(wait::until(RECOVERY, format!("{held} held deliveries"), is_held).await?)
    }
}

#[tokio::test]
async fn senders_that_die_while_they_hold_lose_nothing_and_hold_nothing_twice() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut site = e2e::Site::new().await?;
    site.set("WEBHOOKS_RELEASE__PER_SECOND", "1000");
    let mut scene = Scene::start(site, testkit::receiver::Answer::ok()).await?;
    let webhook = scene.webhook().await?;
    scene.all.api.pause(&webhook).await?;
    tokio::time::sleep_until(tokio::time::Instant::now() + SEEN_WITHIN).await;
    scene.publish("e", EVENTS).await?;
    for held in [BEGUN as u64, 4 * BEGUN as u64] {
        let some = async || {
            scene
                .all
                .api
                .webhook(&webhook)
                .await
                .is_ok_and(|it| it["held"].as_u64() >= Some(held))
        };
        wait::until(RECOVERY, "some deliveries to be held", some).await?;
        scene.kill_senders()?;
        scene.start_senders().await?;
    }
    scene.wait_held(&webhook, EVENTS).await?;
    assert_eq!(scene.all.receiver.count(), 0, "nothing is sent while it is paused");
    scene.all.api.resume(&webhook).await?;
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}

#[tokio::test]
async fn a_release_goes_on_after_the_death_of_fanout_of_senders_and_of_the_broker() -> anyhow::Result<()> {
    let _turn = turn().await;
    let mut broker = PrivateRabbit::temporary().await?;
    let mut site = site_on(&broker).await?;
    site.set("WEBHOOKS_RELEASE__PER_SECOND", PACE);
    let mut scene = Scene::start(site, testkit::receiver::Answer::ok()).await?;
    wait_until_written_down(&broker).await?;
    let webhook = scene.webhook().await?;
    scene.all.api.pause(&webhook).await?;
    tokio::time::sleep_until(tokio::time::Instant::now() + SEEN_WITHIN).await;
    scene.publish("e", EVENTS).await?;
    scene.wait_held(&webhook, EVENTS).await?;

    scene.all.api.resume(&webhook).await?;
    scene.wait_for(BEGUN).await?;
    scene.all.fanout.kill_nine()?;
    scene.all.fanout.start_again().await?;
    scene.wait_for(2 * BEGUN).await?;
    scene.kill_senders()?;
    scene.start_senders().await?;
    scene.wait_for(3 * BEGUN).await?;
    broker.kill_nine().await?;
    broker.start_again().await?;
    scene.wait_ready().await?;
    assert!(
        scene.all.receiver.count() < EVENTS,
        "all was released: too late for the kills"
    );
    scene.wait_all_delivered(EVENTS).await?;
    scene.finish(EVENTS, EVENTS).await
}
