//! The relay during an alarm: it publishes when the alarm is over, and not the same again and again until then.

use std::time::Duration;

use e2e::DEADLINE;
use testkit::receiver::Answer;
use testkit::servers::{Alarm, PrivateRabbit};
use testkit::wait;
use tokio::time::sleep;

use crate::known_queues::wait_until_written_down;
use crate::scene::{Scene, site_on};
use crate::turn;

const HELD: usize = 300;
/// Deliveries of the batch that was being published when the alarm began. The broker may have had it after all, and two
/// senders may take both copies of a delivery in the same moment.
const UNDER_WAY: usize = 10;
/// Long enough for several attempts of the relay.
const ALARM: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_a_resume_releases_during_an_alarm_is_published_when_it_is_over() -> anyhow::Result<()> {
    let _turn = turn().await;
    let broker = PrivateRabbit::temporary().await?;
    let mut scene = Scene::start(site_on(&broker).await?, Answer::ok()).await?;
    wait_until_written_down(&broker).await?;
    let webhooks = scene.all.api.get("/webhooks").await?;
    let webhook = webhooks["data"][0]["id"].as_str().expect("an id").to_owned();
    scene.all.api.pause(&webhook).await?;
    // Every process has seen the pause by then.
    sleep(Duration::from_secs(1)).await;
    scene.publish("held", HELD).await?;
    scene
        .all
        .api
        .wait_for_webhook(&webhook, |it| it["held"] == HELD)
        .await?;

    let confirmed = r#"webhook_amqp_publishes_total{result="confirmed"}"#;
    let before = scene.all.fanout.metric(confirmed).await?;
    broker.raise_alarm(Alarm::Memory).await?;
    scene.all.api.resume(&webhook).await?;
    sleep(ALARM).await;
    broker.clear_alarm(Alarm::Memory).await?;
    let released = async || scene.all.receiver.count() >= HELD;
    wait::until(2 * DEADLINE, "what was held", released).await?;
    scene.all.wait_until_emptied().await?;
    let posted = scene.all.receiver.count();
    assert!(posted <= HELD + UNDER_WAY, "{posted} posted");
    let published = scene.all.fanout.metric(confirmed).await? - before;
    // One batch was in flight when the alarm began.
    assert!(published <= HELD as f64 * 1.5, "{published} published");
    scene.wait_ready().await?;
    scene.finish(HELD, HELD).await
}
