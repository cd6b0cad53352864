//! The check of a request that a receiver got.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Role, SigningSecret, sign};
use serde_json::{Value, json};

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, OTHER_ACCOUNT, create, erp_sync, field_errors, id, ok, problem};
use crate::deliveries::{delivered, now};
use crate::pages::browser::Browser;

/// A webhook with a delivery in the log, and the request that its receiver got.
struct Sent {
    webhook: String,
    secret: String,
    request: Value,
}

async fn sent(api: &Api) -> Sent {
    let client = api.admin().await;
    let webhook = create(&client, &erp_sync()).await;
    let secret = webhook["secret"].as_str().unwrap().to_owned();
    let delivery = delivered(ACCOUNT, id(&webhook), "e1", now());
    api.database
        .record(std::slice::from_ref(&delivery), AUTO_PAUSE)
        .await
        .unwrap();
    let message = delivery.delivery.id.to_string();
    let timestamp = now().as_second();
    let key = SigningSecret::parse(&secret).unwrap().key();
    let body = std::str::from_utf8(&delivery.delivery.payload).unwrap().to_owned();
    let request = json!({
        "headers": {
            "webhook-id": message,
            "webhook-timestamp": timestamp.to_string(),
            "webhook-signature": sign(&[key], &message, timestamp, body.as_bytes()),
        },
        "body": body,
    });
    Sent {
        webhook: id(&webhook).to_owned(),
        secret,
        request,
    }
}

fn path(webhook: &str) -> String {
    format!("/api/v1/webhooks/{webhook}/check-request")
}

fn codes(checked: &Value) -> Vec<&str> {
    let findings = checked["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_request_of_the_log_is_genuine_and_a_changed_one_is_not() {
    let api = Api::start().await;
    let sent = sent(&api).await;
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    let check = async |request: &Value| ok(&viewer.post(&path(&sent.webhook), request).await.unwrap());
    let checked = check(&sent.request).await;
    assert_eq!((&checked["genuine"], codes(&checked)), (&json!(true), vec!["ok"]));

    let mut lines = sent.request.clone();
    let headers = sent.request["headers"].as_object().unwrap();
    let text: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap()))
        .collect();
    lines["headers"] = json!(format!("POST /hook HTTP/1.1\r\n{}", text.join("\r\n")));
    lines["body_base64"] = json!(STANDARD.encode(sent.request["body"].as_str().unwrap()));
    lines.as_object_mut().unwrap().remove("body");
    assert_eq!(codes(&check(&lines).await), ["ok"]);

    let mut changed = sent.request.clone();
    changed["body"] = json!(format!("{}\n", sent.request["body"].as_str().unwrap()));
    changed["computed"] = json!("0".repeat(64));
    let checked = check(&changed).await;
    assert_eq!(
        (&checked["genuine"], codes(&checked)),
        (&json!(false), vec!["body_differs", "no_match"])
    );
    assert_eq!(
        checked["findings"][0]["at"],
        json!(sent.request["body"].as_str().unwrap().len())
    );
    let text = checked.to_string();
    assert!(!text.contains(&sent.secret[6..]) && !text.contains("v1,"), "{text}");

    let mut unsigned = sent.request.clone();
    unsigned["headers"] = json!({});
    assert_eq!(codes(&check(&unsigned).await), ["missing_header"; 3]);
}

#[tokio::test]
async fn a_delivery_of_another_webhook_is_named_and_one_of_another_account_is_unknown() {
    let api = Api::start().await;
    let sent = sent(&api).await;
    let client = api.admin().await;
    let mut form = erp_sync();
    form["name"] = json!("Billing");
    let billing = create(&client, &form).await;
    let checked = ok(&client.post(&path(id(&billing)), &sent.request).await.unwrap());
    assert_eq!(codes(&checked), ["other_webhook"]);
    assert!(
        checked["findings"][0]["detail"].as_str().unwrap().contains("ERP Sync"),
        "{checked}"
    );
    let stranger = api.client(OTHER_ACCOUNT, Role::Admin).await;
    problem(&stranger.post(&path(&sent.webhook), &sent.request).await.unwrap(), 404);
    let theirs = create(&stranger, &erp_sync()).await;
    let checked = ok(&stranger.post(&path(id(&theirs)), &sent.request).await.unwrap());
    assert_eq!(codes(&checked), ["unknown_id", "no_match"]);
    assert!(!checked.to_string().contains("ERP Sync"), "{checked}");
}

#[tokio::test]
async fn what_cannot_be_checked_is_refused_and_so_is_the_thirty_first() {
    let api = Api::start().await;
    let sent = sent(&api).await;
    let client = api.admin().await;
    for (wrong, at) in [
        (json!({}), "/headers"),
        (json!({"headers": {}}), "/body"),
        (json!({"headers": [], "body": ""}), "/headers"),
        (json!({"headers": {"a": 1}, "body": ""}), "/headers/a"),
        (json!({"headers": {}, "body": "", "body_base64": ""}), "/body_base64"),
        (json!({"headers": {}, "body_base64": "?"}), "/body_base64"),
        (
            json!({"headers": {}, "body": "", "computed": "x".repeat(1025)}),
            "/computed",
        ),
        (json!({"headers": "a: b\n".repeat(201), "body": ""}), "/headers"),
    ] {
        let errors = field_errors(&client.post(&path(&sent.webhook), &wrong).await.unwrap());
        assert_eq!(errors[0].0, at, "{wrong}");
    }
    let long = json!({"headers": {}, "body": "x".repeat(256 * 1024 + 1)});
    problem(&client.post(&path(&sent.webhook), &long).await.unwrap(), 413);
    for _ in 0..30 {
        ok(&client.post(&path(&sent.webhook), &sent.request).await.unwrap());
    }
    problem(&client.post(&path(&sent.webhook), &sent.request).await.unwrap(), 429);
}

#[tokio::test]
async fn the_page_checks_what_was_pasted_and_keeps_it() {
    let api = Api::start().await;
    let sent = sent(&api).await;
    let mut browser = Browser::signed_in(&api, ACCOUNT, Role::Viewer).await;
    let verify = format!("{}/{}/verify", crate::pages::browser::LIST, sent.webhook);
    let headers = sent.request["headers"].as_object().unwrap();
    let lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap()))
        .collect();
    let headers = lines.join("\r\n");
    let body = sent.request["body"].as_str().unwrap();
    let fields = [("headers", headers.as_str()), ("body", body), ("computed", "<b>wrong")];
    let shown = browser.post(&verify, &fields).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    let text = shown.text();
    assert!(
        text.contains("The request is genuine.") && text.contains("<code>no_match</code>"),
        "{text}"
    );
    assert!(
        text.contains("webhook-timestamp: ") && !text.contains("<b>wrong"),
        "{text}"
    );
}
