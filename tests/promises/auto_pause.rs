//! Auto-pause: ten failed deliveries in a row pause a webhook, once, and its administrators are notified.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{DEADLINE, Deployment, Event};
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use serde_json::{Value, json};
use testkit::receiver::{Answer, Receiver, Script};
use testkit::wait;
use tokio::time::{Instant, sleep_until};

const SEEN_WITHIN: Duration = Duration::from_secs(1);
const NOTIFIED: &str = "notified";

/// A queue of the CRM that gets all notifications.
async fn listen_to_notifications(all: &Deployment) -> anyhow::Result<()> {
    let channel = all.crm.channel();
    let none = FieldTable::default;
    channel
        .queue_declare(NOTIFIED.into(), QueueDeclareOptions::default(), none())
        .await?;
    channel
        .queue_bind(
            NOTIFIED.into(),
            "crm.notifications".into(),
            "#".into(),
            QueueBindOptions::default(),
            none(),
        )
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
    all.api
        .wait_for_webhook(webhook, |it| it["consecutive_failures"] == count)
        .await
}

#[tokio::test]
async fn ten_failures_raced_by_four_senders_pause_it_once() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let others = tokio::try_join!(all.site.sender(), all.site.sender(), all.site.sender())?;
    listen_to_notifications(&all).await?;
    all.receiver.answer(Answer::status(404));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm
        .publish_all(Event::deals_won("e", 30).iter().map(Event::as_json))
        .await?;

    let paused = all
        .api
        .wait_for_webhook(&webhook.id, |it| it["status"] == "paused")
        .await?;
    assert_eq!(paused["paused_reason"], "repeated_failures");
    sleep_until(Instant::now() + SEEN_WITHIN).await;
    let before = all.receiver.count();
    all.crm
        .publish_all(Event::deals_won("later", 30).iter().map(Event::as_json))
        .await?;
    all.api
        .wait_for_webhook(&webhook.id, |it| it["held"] == 60 - before)
        .await?;
    assert_eq!(
        all.receiver.count(),
        before,
        "no attempt begins after the pause was seen"
    );

    let told: Vec<_> = all
        .api
        .notifications()
        .await?
        .iter()
        .map(|it| it["message"].clone())
        .collect();
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
    assert_eq!(
        seen,
        BTreeMap::from([("webhook.auto_paused".to_owned(), 1), ("webhook.failing".to_owned(), 1)])
    );
    let pauses = async |program: &e2e::Program| {
        program
            .metric("webhook_endpoints_auto_paused_total{reason=\"repeated_failures\"}")
            .await
    };
    let counts = [
        pauses(&all.sender).await?,
        pauses(&others.0).await?,
        pauses(&others.1).await?,
        pauses(&others.2).await?,
    ];
    assert_eq!(counts.iter().sum::<f64>(), 1.0);
    drop(others);
    all.finish().await
}

#[tokio::test]
async fn nine_a_success_and_nine_again_do_not_pause_it() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver.answer(Script::sequence(
        (0..9).map(|_| Answer::status(404)).chain([Answer::ok()]),
        Answer::status(404),
    ));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let publish = async |prefix: &str, count| {
        all.crm
            .publish_all(Event::deals_won(prefix, count).iter().map(Event::as_json))
            .await
    };
    publish("first", 9).await?;
    assert_eq!(wait_for_failures(&all, &webhook.id, 9).await?["status"], "error");
    publish("success", 1).await?;
    assert_eq!(wait_for_failures(&all, &webhook.id, 0).await?["status"], "active");
    publish("second", 9).await?;
    assert_eq!(wait_for_failures(&all, &webhook.id, 9).await?["status"], "error");
    let kinds: Vec<_> = all
        .api
        .notifications()
        .await?
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
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
    let paused = all
        .api
        .wait_for_webhook(&gone.id, |it| it["status"] == "paused")
        .await?;
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
    assert_eq!(
        (&webhook["consecutive_failures"], &webhook["status"]),
        (&json!(1), &json!("error"))
    );
    all.finish().await
}

#[tokio::test]
async fn failures_closer_together_than_configured_do_not_pause_it() -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_AUTO_PAUSE__WITHIN", "5s")]).await?;
    all.receiver.answer(Answer::status(404));
    let webhook = all.webhook("/", &["deal.won"]).await?;
    all.crm
        .publish_all(Event::deals_won("at-once", 20).iter().map(Event::as_json))
        .await?;
    assert_eq!(wait_for_failures(&all, &webhook.id, 20).await?["status"], "error");
    let failing_since = Instant::now();
    sleep_until(failing_since + Duration::from_secs(5)).await;
    all.crm.publish(Event::new("deal.won", "later").as_json()).await?;
    let paused = all
        .api
        .wait_for_webhook(&webhook.id, |it| it["status"] == "paused")
        .await?;
    assert_eq!(paused["paused_reason"], "repeated_failures");
    all.finish().await
}

#[tokio::test]
async fn when_most_webhooks_begin_to_fail_at_once_nobody_is_paused_until_it_is_over() -> anyhow::Result<()> {
    const HOSTS: u8 = 5;
    let all = Deployment::start().await?;
    let mut receivers = Vec::new();
    for host in 2..2 + HOSTS {
        let address = format!("127.0.0.{host}");
        let builder = Receiver::builder(&all.site.ca).listen(([127, 0, 0, host], 0).into());
        let receiver = builder.identity(all.site.ca.issue(&[&address])).start().await?;
        receiver.answer(Answer::status(500));
        for path in ["/a", "/b", "/c"] {
            all.webhook_at(&receiver.url(path), &["deal.won"]).await?;
        }
        receivers.push(receiver);
    }
    let single = all.webhook("/single", &["invoice.paid"]).await?;
    all.crm.publish(Event::new("deal.won", "first").as_json()).await?;
    let suspended = "webhook_auto_pause_suspended";
    let attempted = async || receivers.iter().all(|receiver| receiver.count() >= 3);
    wait::until(DEADLINE, "an attempt for each", attempted).await?;
    receivers
        .iter()
        .for_each(|receiver| receiver.answer(Answer::status(404)));
    all.crm
        .publish_all(Event::deals_won("e", 15).iter().map(Event::as_json))
        .await?;
    all.sender.wait_for_metric(suspended, 1.0).await?;
    let failed = async || {
        all.api
            .get("/webhooks")
            .await
            .is_ok_and(|it| all_failed(&it["data"], 15))
    };
    wait::until(DEADLINE, "fifteen failures of each", failed).await?;
    let webhooks = all.api.get("/webhooks").await?;
    let paused = webhooks["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|it| it["status"] == "paused")
        .count();
    assert_eq!(paused, 0, "{webhooks}");

    receivers.iter().for_each(|receiver| receiver.answer(Answer::ok()));
    all.crm.publish(Event::new("deal.won", "well-again").as_json()).await?;
    all.sender.wait_for_metric(suspended, 0.0).await?;
    all.receiver.answer(Answer::status(404));
    all.crm
        .publish_all((0..10).map(|n| Event::new("invoice.paid", &format!("s{n}")).as_json()))
        .await?;
    all.api
        .wait_for_webhook(&single.id, |it| it["status"] == "paused")
        .await?;
    all.finish().await
}

/// Every webhook for deals has at least so many consecutive failures.
fn all_failed(webhooks: &Value, failures: u64) -> bool {
    let webhooks = webhooks.as_array().into_iter().flatten();
    let mut deals = webhooks.filter(|it| it["event_types"] == json!(["deal.won"]));
    deals.all(|it| {
        it["consecutive_failures"]
            .as_u64()
            .is_some_and(|count| count >= failures)
    })
}
