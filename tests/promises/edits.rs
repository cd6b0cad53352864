//! Edits apply to queued deliveries, and every process sees them within a second.

use std::time::Duration;

use e2e::{Deployment, Event};
use serde_json::{Value, json};
use testkit::receiver::{Answer, Script};
use tokio::time::{Instant, sleep_until};

/// By then every process has seen a change.
const PROMISED: Duration = Duration::from_secs(1);

#[tokio::test]
async fn edits_apply_within_a_second_and_to_what_is_queued() -> anyhow::Result<()> {
    edits_apply(Listeners::Listening).await
}

#[tokio::test]
async fn edits_apply_within_a_second_although_the_listening_connections_were_lost() -> anyhow::Result<()> {
    edits_apply(Listeners::Lost).await
}

/// What has become of the programs' connections that hear of changes when the edits are made.
#[derive(PartialEq)]
enum Listeners {
    Listening,
    Lost,
}

async fn edits_apply(listeners: Listeners) -> anyhow::Result<()> {
    let all = Deployment::with(&[("WEBHOOKS_RETRY__DELAYS", "3s")]).await?;
    for path in ["/old", "/deleted"] {
        all.receiver
            .answer_at(path, Script::sequence([Answer::status(503)], Answer::ok()));
    }
    let moved = all.webhook("/old", &["deal.won"]).await?;
    let deleted = all.webhook("/deleted", &["deal.won"]).await?;
    let retuned = all.webhook("/retuned", &["invoice.paid"]).await?;
    all.crm.publish(Event::new("deal.won", "queued").as_json()).await?;
    all.api.wait_for_state(&moved.id, "queued", "retrying").await?;
    let undeliverable = all.api.wait_for_state(&deleted.id, "queued", "retrying").await?;

    if listeners == Listeners::Lost {
        assert_eq!(
            all.site.database().await?.terminate_listeners().await?,
            2,
            "fanout's and sender's"
        );
    }
    all.api
        .edit_webhook(&moved.id, &json!({"url": all.receiver.url("/new")}))
        .await?;
    all.api
        .edit_webhook(&retuned.id, &json!({"event_types": ["contact.created"]}))
        .await?;
    all.api.delete_webhook(&deleted.id).await?;
    sleep_until(Instant::now() + PROMISED).await;
    for (event_type, id) in [
        ("deal.won", "later"),
        ("invoice.paid", "unwanted"),
        ("contact.created", "wanted"),
    ] {
        all.crm.publish(Event::new(event_type, id).as_json()).await?;
    }

    all.api.wait_for_state(&moved.id, "queued", "delivered").await?;
    all.api.wait_for_state(&moved.id, "later", "delivered").await?;
    all.api.wait_for_state(&retuned.id, "wanted", "delivered").await?;
    wait_until_given_up(&all, &undeliverable).await?;
    let mut paths: Vec<String> = all
        .receiver
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    paths.sort();
    assert_eq!(paths, ["/deleted", "/new", "/new", "/old", "/retuned"]);
    assert_eq!(all.api.deliveries(&retuned.id).await?.len(), 1);
    all.finish().await
}

/// The retry of a deleted webhook comes due and is not made; the log of the webhook has gone with it, the delivery's own
/// page stays.
async fn wait_until_given_up(all: &Deployment, delivery: &Value) -> anyhow::Result<()> {
    let id = delivery["id"].as_str().unwrap_or_default();
    let given_up = async || {
        let now = all.api.delivery(id).await.unwrap_or_default();
        now["state"] == "failed" && now["error"] == "webhook deleted" && now["attempts"] == delivery["attempts"]
    };
    Ok(testkit::wait::until(
        e2e::DEADLINE,
        "the delivery to the deleted webhook to be given up",
        given_up,
    )
    .await?)
}
