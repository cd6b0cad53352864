//! Conditions and subscriptions to every event, with the real programs.

use e2e::{DEADLINE, Deployment, Event, Message};
use serde_json::json;

const SKIPPED: &str = "webhook_deliveries_skipped_by_conditions_total";

fn deal(id: &str, amount: &str) -> Message {
    Event::new("deal.won", id)
        .with_data(&format!(r#"{{"amount":{amount}}}"#))
        .as_json()
}

/// An administrator restricts a webhook to amounts over 1,000, while another one gets everything.
#[tokio::test]
async fn a_webhook_gets_what_its_conditions_let_through() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/large", &["deal.won"]).await?;
    let everything = all.webhook("/everything", &["*"]).await?;
    all.crm.publish(deal("before", "10")).await?;
    all.receiver.wait_for(2, DEADLINE).await?;
    let only = json!({"conditions": [{"field": "amount", "op": "gt", "value": "1000"}]});
    let preview = json!({"event_types": ["deal.won"], "conditions": only["conditions"]});
    all.api.wait_for_state(&webhook.id, "before", "delivered").await?;
    let preview: serde_json::Value = all.api.post("/webhooks/preview", &preview).await?.json()?;
    assert_eq!((&preview["seen"], &preview["matched"]), (&json!(1), &json!(0)));
    all.api.edit_webhook(&webhook.id, &only).await?;
    // Changes are read in order: once this one is known, the edit is.
    all.webhook("/later", &["contact.deleted"]).await?;

    all.crm.publish(deal("small", "1000.00")).await?;
    all.crm.publish(deal("large", "\"1000.01\"")).await?;
    all.crm
        .publish(Event::new("task.completed", "task").as_protobuf())
        .await?;
    all.receiver.wait_for(6, DEADLINE).await?;
    all.api.wait_for_state(&webhook.id, "large", "delivered").await?;
    all.api.wait_for_state(&everything.id, "task", "delivered").await?;
    let mut events: Vec<_> = all
        .api
        .deliveries(&webhook.id)
        .await?
        .iter()
        .map(|delivery| delivery["event_id"].clone())
        .collect();
    events.sort_by_key(ToString::to_string);
    assert_eq!(events, [json!("before"), json!("large")]);
    assert_eq!(all.api.deliveries(&everything.id).await?.len(), 4);
    assert!((all.fanout.metric(SKIPPED).await? - 1.0).abs() < f64::EPSILON);
    all.finish().await
}
