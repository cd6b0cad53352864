//! During a memory alarm the broker blocks publishes, so nothing that follows from a message is durable: a process that
//! dies then must not have acknowledged it.

use e2e::DEADLINE;
use testkit::servers::{Alarm, PrivateRabbit, Vhost};
use testkit::wait;

use crate::known_queues::wait_until_written_down;
use crate::scene::{Scene, fails_each_once, site_on};
use crate::turn;

const EVENTS: usize = 200;

/// Waits until all events were taken and none of them was acknowledged.
async fn wait_until_events_are_unacknowledged(vhost: &Vhost) -> anyhow::Result<()> {
    let queue = "webhooks.events";
    let unacknowledged = async || {
        let unacknowledged = vhost.unacknowledged(queue).await.ok().flatten();
        vhost.ready(queue).await.ok() == Some(Some(0)) && unacknowledged == u64::try_from(EVENTS).ok()
    };
    Ok(wait::until(
        DEADLINE,
        format!("{EVENTS} messages of {queue} to be taken and not acknowledged"),
        unacknowledged,
    )
    .await?)
}

/// Waits until each job's attempt has failed and the job is unacknowledged, or the job is in the outbox: a sender that has
/// just started does not know yet how quick the receiver is, and spills what waits too long for its first responses.
async fn wait_until_attempted_or_spilled(scene: &Scene, attempted_before: usize) -> anyhow::Result<()> {
    let database = scene.all.site.database().await?;
    let vhost = scene.all.site.vhost();
    let all_attempted_or_spilled = async || {
        let spilled = database
            .count("SELECT count(*) FROM waiting_deliveries")
            .await
            .unwrap_or_default();
        let unacknowledged = vhost
            .unacknowledged("webhooks.deliveries")
            .await
            .ok()
            .flatten()
            .unwrap_or_default();
        let attempted = scene.all.receiver.count() - attempted_before;
        attempted as u64 == unacknowledged && attempted + usize::try_from(spilled).unwrap_or_default() == EVENTS
    };
    let what = format!("{EVENTS} jobs to be attempted and not acknowledged, or spilled");
    Ok(wait::until(DEADLINE, what, all_attempted_or_spilled).await?)
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
    wait_until_events_are_unacknowledged(&vhost).await?;
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
    let attempted_before = scene.all.receiver.count();
    scene.start_senders().await?;
    wait_until_attempted_or_spilled(&scene, attempted_before).await?;
    scene.kill_senders()?;
    broker.clear_alarm(Alarm::Memory).await?;
    scene.start_senders().await?;
    scene.wait_all_delivered(2 * EVENTS).await?;
    scene.finish(2 * EVENTS, 4 * EVENTS).await
}
