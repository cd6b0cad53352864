//! From an event to a signed POST and its line in the log.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::DeliveryId;
use e2e::{DEADLINE, Deployment, Event, Webhook};
use serde_json::json;
use testkit::receiver::{Answer, ReceivedRequest};
use testkit::wait;

/// JSON that is easily spoiled: spacing, key order, a repeated key, numbers beyond any type, escapes that no string can
/// hold, letters of many scripts.
const ODD_DATA: &str = r#"{ "b":1.10, "a":1E400,"a":-0.0 , "big":1234567890123456789012345678901234567890,
	"nul":"\u0000","half":"\ud800","escaped":"\u00e9\/","plain":"Zażółć gęślą jaźń 日本語 🦀" ,"":[ ] }"#;

#[tokio::test]
async fn a_json_event_becomes_a_signed_post_and_a_line_in_the_log() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    all.receiver.answer(Answer::status(201).body("thank you"));
    let webhook = all.webhook("/hooks/erp?tenant=7", &["deal.won"]).await?;
    let event = Event::new("deal.won", "0199-a");
    all.crm.publish(event.as_json()).await?;

    let arrived = all.receiver.wait_for(1, DEADLINE).await?;
    check_request(&arrived[0], &all, &webhook, &event)?;
    let id = arrived[0].webhook_id().to_owned();
    let delivery = all.api.wait_for_state(&webhook.id, &event.id, "delivered").await?;
    let attempt = json!({
        "number": 1, "trigger": "event", "outcome": "success", "http_status": 201, "error": null,
        "response_excerpt": "thank you",
        "at": delivery["attempts"][0]["at"], "response_time_ms": delivery["attempts"][0]["response_time_ms"],
    });
    let expected = json!({
        "id": id, "webhook_id": webhook.id, "event_id": event.id, "event_type": "deal.won", "state": "delivered",
        "subject": "deals/9001", "test": false, "attempts": [attempt], "http_status": 201, "error": null, "next_attempt_at": null,
        "payload": event.posted_body(), "response_time_ms": delivery["response_time_ms"],
        "created_at": delivery["created_at"], "updated_at": delivery["updated_at"],
    });
    assert_eq!(delivery, expected);
    let listed = all.api.deliveries(&webhook.id).await?;
    assert_eq!(
        (listed.len(), &listed[0]["id"], &listed[0]["attempts"]),
        (1, &json!(id), &json!(1))
    );
    let found = all.api.get("/find?q=9001").await?;
    let at_webhook = &found["events"][0]["webhooks"][0];
    assert_eq!(
        (&at_webhook["verdict"], &at_webhook["delivery_id"]),
        (&json!("delivered"), &json!(id))
    );
    // Counts are written every ten seconds.
    let counted = async || {
        let found = all.api.get("/find?q=9001").await;
        found.is_ok_and(|found| found["published"]["of_type_24h"] == 1)
    };
    wait::until(DEADLINE, "the event to be counted", counted).await?;
    all.finish().await
}

#[tokio::test]
async fn data_arrives_byte_for_byte_in_every_format() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let webhook = all.webhook("/", &["deal.won"]).await?;
    let events =
        ["json", "protobuf", "binary", "binary-underscore"].map(|id| Event::new("deal.won", id).with_data(ODD_DATA));
    all.crm.publish(events[0].as_json()).await?;
    all.crm.publish(events[1].as_protobuf()).await?;
    all.crm.publish(events[2].as_binary("cloudEvents:")).await?;
    all.crm.publish(events[3].as_binary("cloudEvents_")).await?;

    let arrived = all.receiver.wait_for(4, DEADLINE).await?;
    for event in &events {
        let id = delivery_id(event, &webhook)?;
        let request = arrived
            .iter()
            .find(|request| request.webhook_id() == id)
            .expect("all events arrive");
        check_request(request, &all, &webhook, event)?;
        let logged = all.api.wait_for_state(&webhook.id, &event.id, "delivered").await?;
        assert_eq!(logged["payload"], event.posted_body());
    }
    all.finish().await
}

#[tokio::test]
async fn only_webhooks_of_the_account_that_list_the_type_get_an_event() -> anyhow::Result<()> {
    let all = Deployment::start().await?;
    let other_account = all.site.api(&all.fanout, "globex").await?;
    all.webhook("/right", &["deal.won", "contact.created"]).await?;
    let other_type = all.webhook("/other-type", &["invoice.paid"]).await?;
    let other_owner = other_account
        .create_webhook(&all.receiver.url("/other-account"), &["deal.won"])
        .await?;
    all.wait_until_known(3.0).await?;

    all.crm.publish(Event::new("deal.won", "e").as_json()).await?;
    all.receiver.wait_for(1, DEADLINE).await?;
    assert!(all.api.deliveries(&other_type.id).await?.is_empty());
    assert!(other_account.deliveries(&other_owner.id).await?.is_empty());
    // The others do listen: each gets its own event, and after everything is done no other.
    all.crm.publish(Event::new("invoice.paid", "e2").as_json()).await?;
    all.crm
        .publish(Event::new("deal.won", "e").of_account("globex").as_json())
        .await?;
    let arrived = all.receiver.wait_for(3, DEADLINE).await?;
    let paths: BTreeSet<&str> = arrived.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, BTreeSet::from(["/right", "/other-type", "/other-account"]));
    all.finish().await
}

fn check_request(request: &ReceivedRequest, all: &Deployment, webhook: &Webhook, event: &Event) -> anyhow::Result<()> {
    assert_eq!(request.method.as_str(), "POST");
    assert!(all.receiver.url(&request.path).starts_with("https://127.0.0.1:"));
    let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
    let names: BTreeSet<&str> = request.headers.keys().map(|name| name.as_str()).collect();
    let expected = ["host", "user-agent", "content-type", "accept", "content-length"];
    let webhook_headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    assert_eq!(names, expected.into_iter().chain(webhook_headers).collect());
    assert_eq!(header("host"), all.receiver.address().to_string());
    assert_eq!(
        header("user-agent"),
        concat!("EasyCRM-Webhooks/", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("webhook-id"), delivery_id(event, webhook)?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    assert!(now.abs_diff(header("webhook-timestamp").parse()?) <= DEADLINE.as_secs());
    assert_eq!(std::str::from_utf8(&request.body)?, event.posted_body());
    standardwebhooks::Webhook::new(&webhook.secret)?.verify(&request.body, &request.headers)?;
    Ok(())
}

/// A pure function of account, source, event id and webhook.
fn delivery_id(event: &Event, webhook: &Webhook) -> anyhow::Result<String> {
    let account = event.account.parse()?;
    Ok(DeliveryId::derive(&account, "/crm/deals", &event.id, webhook.id.parse()?).to_string())
}
