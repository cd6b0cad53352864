//! Pausing and resuming.

use jiff::{Timestamp, ToSpan};
use serde_json::json;
use store::release::Release;

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, account, create, erp_sync, id, ok};
use crate::deliveries::{held, now};

#[tokio::test]
async fn a_paused_webhook_says_so_and_repeating_it_changes_nothing() {
    let api = Api::start().await;
    let client = api.admin().await;
    let path = format!("/api/v1/webhooks/{}", id(&create(&client, &erp_sync()).await));
    let post = async |action: &str| client.post(&format!("{path}/{action}"), &json!({})).await.unwrap();

    let resumed = ok(&post("resume").await);
    assert_eq!(
        (&resumed["status"], &resumed["paused_at"]),
        (&json!("active"), &json!(null))
    );
    let answer = post("pause").await;
    assert_eq!(answer.headers["etag"], "\"1\"");
    let paused = ok(&answer);
    assert_eq!(
        (&paused["status"], &paused["paused_reason"]),
        (&json!("paused"), &json!("user"))
    );
    let since: Timestamp = paused["paused_at"].as_str().unwrap().parse().unwrap();
    assert!((now() - since).get_seconds() < 60);
    assert_eq!(ok(&post("pause").await), paused);
    assert_eq!(ok(&client.get(&path).await.unwrap()), paused);
    let resumed = ok(&post("resume").await);
    assert_eq!(
        (&resumed["status"], &resumed["paused_reason"]),
        (&json!("active"), &json!(null))
    );

    let audit = api
        .database
        .audit_entries(&account(ACCOUNT), id(&paused).parse().unwrap(), None, 10)
        .await
        .unwrap();
    let actions: Vec<_> = audit.iter().map(|entry| <&str>::from(entry.action)).collect();
    assert_eq!(
        actions,
        ["resumed", "paused", "created"],
        "only what changed something is written down"
    );
}

#[tokio::test]
async fn what_is_held_is_counted_and_released_when_it_is_resumed() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = id(&create(&client, &erp_sync()).await).to_owned();
    let path = format!("/api/v1/webhooks/{webhook}");
    client.post(&format!("{path}/pause"), &json!({})).await.unwrap();
    let oldest = now() - 2.hours();
    let records = ["b", "a", "c"].map(|event_id| {
        let age = if event_id == "a" { 0 } else { 1 };
        held(ACCOUNT, &webhook, event_id, oldest + age.hours())
    });
    api.database.record(&records, AUTO_PAUSE).await.unwrap();
    let shown = ok(&client.get(&path).await.unwrap());
    assert_eq!((&shown["held"], &shown["oldest_held_at"]), (&json!(3), &json!(oldest)));

    let resumed = ok(&client.post(&format!("{path}/resume"), &json!({})).await.unwrap());
    assert_eq!(resumed["held"], 3, "they are released one after the other");
    let rate = domain::ReleaseRate::new(50.0);
    let webhook_id = webhook.parse().unwrap();
    let released = api.database.release(webhook_id, rate, async |_| true).await.unwrap();
    assert_eq!(released, Release::Released(3), "at the configured rate five go at once");
    let shown = ok(&client.get(&path).await.unwrap());
    assert_eq!((&shown["held"], &shown["oldest_held_at"]), (&json!(0), &json!(null)));
}

#[tokio::test]
async fn racing_clicks_leave_one_state() {
    let api = Api::start().await;
    let client = api.admin().await;
    let path = format!("/api/v1/webhooks/{}", id(&create(&client, &erp_sync()).await));
    let (pause, resume, body) = (format!("{path}/pause"), format!("{path}/resume"), json!({}));
    for _ in 0..5 {
        let (left, right) = tokio::join!(client.post(&pause, &body), client.post(&resume, &body));
        ok(&left.unwrap());
        ok(&right.unwrap());
        let shown = ok(&client.get(&path).await.unwrap());
        assert_eq!(shown["status"] == "paused", shown["paused_reason"] == "user");
    }
}
