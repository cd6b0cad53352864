//! Ten failed deliveries in a row pause a webhook, once, and its administrators are told.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{DEADLINE, Deployment, Event};
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use serde_json::{Value, json};
use testkit::receiver::{Answer, Script};
use testkit::wait;
use tokio::time::{Instant, sleep_until};

const SEEN_WITHIN: Duration = Duration::from_secs(1);
const NOTIFIED: &str = "notified";

/// A queue of the CRM that gets all notifications.
async fn listen_to_notifications(all: &Deployment) -> anyhow::Result<()> {
    let channel = all.crm.channel();
    let none = FieldTable::default;
    channel.queue_declare(NOTIFIED.into(), QueueDeclareOptions::default(), none()).await?;
    channel
        .queue_bind(NOTIFIED.into(), "crm.notifications".into(), "#".into(), QueueBindOptions::default(), none())
        .await?;
    Ok(())
}

/// Takes everything that was published, by routing key.
async fn published(all: &Deployment) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut published = BTreeMap::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = all.crm.channel().basic_get(NOTIFIED.into(), options).await? {
        *published.entry(message.routing_key.to_string()).or_default() += 1;
    }
    Ok(published)
}

async fn wait_for_failures(all: &Deployment, webhook: &str, count: usize) -> anyhow::Result<Value> {
    all.api.wait_for_webhook(webhook, |it| it["consecutive_failures"] == count).await
}

#[tokio::test]
async fn ten_failures_raced_by_four_senders_pause_it_once() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let others = tokio::try_join!(all.site.sender(), all.site.sender(), all.site.sender())?;
    listen_to_notifications(&all).await?;
    all.receiver.answer(Answer::status(404));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm.publish_all(Event::deals_won("e", 30).iter().map(Event::as_json)).await?;

    let paused = all.api.wait_for_webhook(&webhook.id, |it| it["status"] == "paused").await?;
    assert_eq!(paused["paused_reason"], "repeated_failures");
    sleep_until(Instant::now() + SEEN_WITHIN).await;
    let before = all.receiver.count();
    all.crm.publish_all(Event::deals_won("later", 30).iter().map(Event::as_json)).await?;
    all.api.wait_for_webhook(&webhook.id, |it| it["held"] == 60 - before).await?;
    assert_eq!(all.receiver.count(), before, "no attempt begins after the pause was seen");

    let told: Vec<_> = all.api.notifications().await?.iter().map(|it| it["message"].clone()).collect();
    let sentences = [
        "Webhook 'ERP Sync' has been paused due to repeated failures",
        "Webhook 'ERP Sync' is failing: 5 deliveries in a row have failed",
    ];
    assert_eq!(told, sentences);
    let mut seen = BTreeMap::new();
    let all_published = async || {
        for (kind, count) in published(&all).await.unwrap_or_default() {
            *seen.entry(kind).or_insert(0) += count;
        }
        seen.len() == 2
    };
    wait::until(DEADLINE, "both notifications on the broker", all_published).await?;
    assert_eq!(seen, BTreeMap::from([("webhook.auto_paused".to_owned(), 1), ("webhook.failing".to_owned(), 1)]));
    let pauses = async |program: &e2e::Program| {
        program.metric("webhook_endpoints_auto_paused_total{reason=\"repeated_failures\"}").await
    };
    let counts =
        [pauses(&all.sender).await?, pauses(&others.0).await?, pauses(&others.1).await?, pauses(&others.2).await?];
    assert_eq!(counts.iter().sum::<f64>(), 1.0);
    drop(others);
    all.finish().await
}

#[tokio::test]
async fn nine_a_success_and_nine_again_do_not_pause_it() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver
        .answer(Script::sequence((0..9).map(|_| Answer::status(404)).chain([Answer::ok()]), Answer::status(404)));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let publish = async |prefix: &str, count| {
        all.crm.publish_all(Event::deals_won(prefix, count).iter().map(Event::as_json)).await
    };
    publish("first", 9).await?;
    assert_eq!(wait_for_failures(&all, &webhook.id, 9).await?["status"], "error");
    publish("success", 1).await?;
    assert_eq!(wait_for_failures(&all, &webhook.id, 0).await?["status"], "active");
    publish("second", 9).await?;
    assert_eq!(wait_for_failures(&all, &webhook.id, 9).await?["status"], "error");
    let kinds: Vec<_> = all.api.notifications().await?.iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["webhook.failing", "webhook.recovered", "webhook.failing"]);
    all.finish().await
}

#[tokio::test]
async fn a_receiver_that_is_gone_pauses_it_and_manual_retries_do_not_count() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver.answer_at("/gone", Answer::status(410));
    all.receiver.answer_at("/refuses", Answer::status(400));
    let gone = all.webhook("/gone", &["deal.won"]).await?;
    let refuses = all.webhook("/refuses", &["deal.won"]).await?;
    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    let paused = all.api.wait_for_webhook(&gone.id, |it| it["status"] == "paused").await?;
    assert_eq!(paused["paused_reason"], "gone");

    let delivery = all.api.wait_for_state(&refuses.id, "e", "failed").await?;
    let id = delivery["id"].as_str().expect("an id");
    for attempts in 2..=12 {
        let accepted = all.api.post(&format!("/deliveries/{id}/retry"), &json!({})).await?;
        assert_eq!(accepted.status.as_u16(), 202, "{}", accepted.text());
        all.api
            .wait_for_delivery(&refuses.id, "e", |it| {
                it["state"] == "failed" && it["attempts"].as_array().is_some_and(|list| list.len() == attempts)
            })
            .await?;
    }
    let webhook = all.api.webhook(&refuses.id).await?;
    assert_eq!((&webhook["consecutive_failures"], &webhook["status"]), (&json!(1), &json!("error")));
    all.finish().await
}
