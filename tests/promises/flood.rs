//! One account's flood delays no other account.

use std::time::Duration;

use anyhow::Context;
use e2e::{DEADLINE, Deployment, Event, Message};
use futures_util::future::try_join_all;
use testkit::receiver::{Answer, Script};
use testkit::wait;

/// As many events as fanout takes at once, each for so many webhooks: all jobs are made in one moment, on any machine.
const EVENTS: usize = 250;
const WEBHOOKS: usize = 16;
const FLOOD: usize = EVENTS * WEBHOOKS;
/// What an account may put before the jobs of others, and somewhat more.
const BUDGET: usize = 2_300;
/// The flood's receiver takes its time: what waits beyond the budget would take a minute.
const SLOW: Duration = Duration::from_millis(200);
/// Promised of another account's event.
const IN_TIME: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_event_arrives_in_time_however_many_another_account_has_published_before() -> anyhow::Result<()> {
    let settings = [
        ("WEBHOOKS_SENDER__CONCURRENCY", "8"),
        ("WEBHOOKS_SENDER__PER_WEBHOOK_CONCURRENCY", "8"),
    ];
    let mut all = Deployment::with(&settings).await?;
    all.receiver.answer_at("/acme", Answer::ok().delay(SLOW));
    for _ in 0..WEBHOOKS {
        all.api
            .create_webhook(&all.receiver.url("/acme"), &["deal.won"])
            .await?;
    }
    let beta = all.site.api(&all.fanout, "beta").await?;
    beta.create_webhook(&all.receiver.url("/beta"), &["deal.won"]).await?;
    all.wait_until_known(WEBHOOKS as f64 + 1.0).await?;
    assert_eq!(all.sender.stop().await?, 0);

    all.crm
        .publish_all(Event::deals_won("flood", EVENTS).iter().map(Event::as_json))
        .await?;
    let vhost = all.site.vhost();
    let waiting = async || {
        let waiting = ["webhooks.deliveries", "webhooks.deliveries.bulk"].map(|queue| vhost.ready(queue));
        futures_util::future::join_all(waiting)
            .await
            .into_iter()
            .flatten()
            .flatten()
            .sum::<u32>()
    };
    let enqueued = async || waiting().await == FLOOD as u32;
    wait::until(DEADLINE, "the flood's jobs", enqueued).await?;
    // What is within the budget is a second of a sender's work, and longer here: it is taken for done.
    vhost.drain("webhooks.deliveries", BUDGET).await?;

    all.sender.start_again().await?;
    all.crm
        .publish(Event::new("deal.won", "b-1").of_account("beta").as_json())
        .await?;
    let arrived = async || all.receiver.requests().iter().any(|request| request.path == "/beta");
    wait::until(IN_TIME, "the other account's event", arrived).await?;
    assert!(waiting().await > 500, "the flood is over");
    // What waits would keep an orderly stop waiting.
    all.sender.kill_nine()?;
    Ok(())
}

/// Copies of one retry, so that they can be made in a moment. How many they are is counted before it is seen what they are.
const RETRIES: usize = 5_000;

#[tokio::test]
async fn retries_that_come_back_all_at_once_go_behind_each_other_and_none_is_lost_or_made_twice() -> anyhow::Result<()>
{
    let all = Deployment::with(&[("WEBHOOKS_RETRY__DELAYS", "1h")]).await?;
    all.receiver
        .answer(Script::sequence([Answer::status(503)], Answer::ok()));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    let waits = async || matches!(all.site.vhost().ready("webhooks.retry.1h").await, Ok(Some(1)));
    wait::until(DEADLINE, "the retry to wait", waits).await?;
    let retry = all
        .site
        .vhost()
        .drain("webhooks.retry.1h", 1)
        .await?
        .pop()
        .context("the retry")?;

    let copy = Message::new("webhooks.deliveries", retry).content_type(wire::DELIVERY_JOB);
    try_join_all((0..RETRIES).map(|_| all.crm.publish_to("webhooks.delivery", copy.clone()))).await?;
    all.wait_until_emptied().await?;
    all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    assert_eq!(all.receiver.count(), 2, "an attempt and a retry");
    let moved = all
        .sender
        .metric(r#"webhook_amqp_publishes_total{result="confirmed"}"#)
        .await?;
    assert!(moved > 1_000.0, "{moved} were moved to the bulk lane");
    all.finish().await
}
