//! During a memory alarm the broker takes no publishes, so nothing that a message caused is durable: whoever dies then
//! must not have acknowledged it.

use e2e::DEADLINE;
use testkit::servers::{Alarm, PrivateRabbit, Vhost};
use testkit::wait;

use crate::known_queues::wait_until_written_down;
use crate::scene::{Scene, fails_each_once, site_on};
use crate::turn;

const EVENTS: usize = 200;

/// Waits until all messages of the queue were taken and none of them was acknowledged.
async fn wait_until_held(vhost: &Vhost, queue: &str, messages: usize) -> anyhow::Result<()> {
    let held = async || {
        let unacknowledged = vhost.unacknowledged(queue).await.ok().flatten();
        vhost.ready(queue).await.ok() == Some(Some(0)) && unacknowledged == u64::try_from(messages).ok()
    };
    Ok(wait::until(DEADLINE, format!("{messages} messages of {queue} to be taken and not acknowledged"), held).await?)
}

#[tokio::test]
async fn nothing_is_acknowledged_before_what_it_caused_is_confirmed() -> anyhow::Result<()> {
    let _turn = turn().await;
    let broker = PrivateRabbit::temporary().await?;
    let mut site = site_on(&broker).await?;
    site.set("WEBHOOKS_RETRY__DELAYS", "2s");
    let mut scene = Scene::start(site, fails_each_once()).await?;
    wait_until_written_down(&broker).await?;
    let vhost = scene.all.site.vhost().clone();

    // Events whose jobs are not confirmed.
    scene.all.fanout.stop().await?;
    scene.publish("events", EVENTS).await?;
    broker.raise_alarm(Alarm::Memory).await?;
    scene.all.fanout.start_again().await?;
    wait_until_held(&vhost, "webhooks.events", EVENTS).await?;
    scene.all.fanout.kill_nine()?;
    broker.clear_alarm(Alarm::Memory).await?;
    scene.all.fanout.start_again().await?;
    scene.wait_all_delivered(EVENTS).await?;

    // Failed attempts whose retries are not confirmed.
    scene.stop_senders().await?;
    scene.publish("retries", EVENTS).await?;
    let enqueued = async || vhost.ready("webhooks.deliveries").await.ok().flatten() == u32::try_from(EVENTS).ok();
    wait::until(DEADLINE, "the jobs", enqueued).await?;
    broker.raise_alarm(Alarm::Memory).await?;
    scene.start_senders().await?;
    scene.wait_for(3 * EVENTS).await?;
    wait_until_held(&vhost, "webhooks.deliveries", EVENTS).await?;
    scene.kill_senders()?;
    broker.clear_alarm(Alarm::Memory).await?;
    scene.start_senders().await?;
    scene.wait_all_delivered(2 * EVENTS).await?;
    scene.finish(2 * EVENTS, 4 * EVENTS).await
}
