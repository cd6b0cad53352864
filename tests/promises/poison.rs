//! A message whose properties no client library can read ends the connection of everybody who takes it.

use anyhow::Context;
use e2e::{DEADLINE, Deployment, Event};
use futures_util::StreamExt;
use lapin::types::FieldTable;
use testkit::raw_amqp::RawPublisher;
use testkit::wait;

#[tokio::test]
async fn large_headers_are_no_reason_to_park_anything() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    let (small, large) = (Event::deals_won("small", GOOD), Event::deals_won("large", 5));
    let baggage = "x".repeat(40_000);
    let large = large.iter().map(|event| event.as_json().header("baggage", &baggage));
    let (first, second) = small.split_at(GOOD / 2);
    let events = first
        .iter()
        .map(Event::as_json)
        .chain(large)
        .chain(second.iter().map(Event::as_json));
    all.crm.publish_all(events).await?;
    all.receiver.wait_for(GOOD + 5, DEADLINE).await?;
    assert_eq!(all.receiver.count_by_webhook_id().len(), GOOD + 5);
    all.finish().await
}

const GOOD: usize = 200;
const POISONED: u32 = 10;

#[tokio::test]
async fn messages_that_break_the_connection_are_parked_and_no_others() -> anyhow::Result<()> {
    let mut all = Deployment::start().await?;
    all.webhook("/", &["deal.won"]).await?;
    let mut hostile = RawPublisher::connect(all.site.vhost().url()).await?;
    for (number, event) in Event::deals_won("good", GOOD).iter().enumerate() {
        if number % (GOOD / POISONED as usize) == 7 {
            let poison = Event::new("deal.won", &format!("poisoned-{number}")).as_json();
            hostile
                .publish("crm.events", "deal.won", b"\xff\xfe", poison.body())
                .await?;
        }
        all.crm.publish(event.as_json()).await?;
    }

    all.receiver.wait_for(GOOD, 3 * DEADLINE).await?;
    let vhost = all.site.vhost().clone();
    let parked = async || vhost.ready("webhooks.events.rejected").await.ok() == Some(Some(POISONED));
    wait::until(3 * DEADLINE, "the broker to park the poisoned events", parked).await?;
    let by_id = all.receiver.count_by_webhook_id();
    assert_eq!(by_id.len(), GOOD);
    assert!(all.fanout.is_running());
    all.finish_with_rejected(POISONED, 0).await
}

/// The broker parks a message that came back twenty times.
const DEATHS: usize = 16;

/// Takes a message and ends without acknowledging it, like a process that is killed.
async fn take_and_end(url: &str, queue: &str) -> anyhow::Result<()> {
    let connection = lapin::Connection::connect(url, lapin::ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let mut consumer = channel
        .basic_consume(queue.into(), "".into(), Default::default(), FieldTable::default())
        .await?;
    tokio::time::timeout(DEADLINE, consumer.next())
        .await?
        .context("the consumer goes on")??;
    connection.close(200, "ended".into()).await?;
    Ok(())
}

#[tokio::test]
async fn a_job_that_many_senders_ended_with_is_deferred_and_not_parked() -> anyhow::Result<()> {
    let mut all = Deployment::start().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    assert_eq!(all.sender.stop().await?, 0);
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    for _ in 0..DEATHS {
        take_and_end(all.site.vhost().url(), "webhooks.deliveries").await?;
    }
    all.sender = all.site.sender().await?;
    let delivery = all.api.wait_for_state(&webhook.id, "e", "delivered").await?;
    let delivery = all
        .api
        .delivery(delivery["id"].as_str().context("a delivery has an id")?)
        .await?;
    let outcomes: Vec<_> = delivery["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| &it["outcome"])
        .collect();
    assert_eq!(outcomes, ["local_error", "success"], "{delivery}");
    assert_eq!(all.receiver.count(), 1);
    all.finish().await
}
