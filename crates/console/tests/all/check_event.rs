//! Try an event.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use store::tokens::Role;
use testkit::http::{Client, Response};

use crate::api::{ACCOUNT, Api, LARGEST_EVENT, OTHER_ACCOUNT, create, erp_sync, id, ok, problem};
use crate::pages::browser::{Browser, LIST};

async fn send(client: &Client, content_type: &str, body: impl Into<Bytes>) -> Response {
    let request = Request::post("/api/v1/events/check").header("content-type", content_type);
    client.send(request.body(body.into()).unwrap()).await.unwrap()
}

async fn check(client: &Client, event: &str) -> Value {
    ok(&send(client, "application/json", event.to_owned()).await)
}

fn event(account: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"evt-1","source":"/crm","type":"deal.won","time":"2026-11-23T06:00:00Z","subject":"deals/9",
            "account":"{account}","data":{{ "b":1.10, "a":"\ud800" }}}}"#
    )
}

#[tokio::test]
async fn an_event_is_matched_and_its_exact_body_shown() {
    let api = Api::start().await;
    let client = api.admin().await;
    let erp = id(&create(&client, &erp_sync()).await).to_owned();
    let mut other = erp_sync();
    other["name"] = json!("Billing");
    other["event_types"] = json!(["invoice.paid"]);
    let billing = id(&create(&client, &other).await).to_owned();
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    for client in [&client, &viewer] {
        let checked = check(client, &event(ACCOUNT)).await;
        let expected = json!({
            "accepted": true,
            "reason": null,
            "detail": "Accepted; 1 of 2 webhooks would get it",
            "webhooks": [
                {"id": erp, "name": "ERP Sync", "would_get": true, "why": "deal.won is among its event types"},
                {"id": billing, "name": "Billing", "would_get": false, "why": "deal.won is not among its event types"},
            ],
            "body": format!(r#"{{"type":"deal.won","timestamp":"2026-11-23T06:00:00Z","id":"evt-1","account":"{ACCOUNT}","subject":"deals/9","data":{{ "b":1.10, "a":"\ud800" }}}}"#),
        });
        assert_eq!(checked, expected);
    }
    client
        .post(&format!("/api/v1/webhooks/{erp}/pause"), &json!({}))
        .await
        .unwrap();
    let paused = ok(&send(&client, "application/cloudevents+json; charset=utf-8", event(ACCOUNT)).await);
    assert_eq!(paused["webhooks"][0]["would_get"], true);
    assert!(paused["webhooks"][0]["why"].as_str().unwrap().contains("paused since"));
    let logged = "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM event_counts)";
    let stored: i64 = api.sql().await.query_one(logged, &[]).await.unwrap().get(0);
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn an_event_that_would_not_be_accepted_is_told_why() {
    let api = Api::start().await;
    let client = api.admin().await;
    create(&client, &erp_sync()).await;
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let own = event(ACCOUNT);
    for (event, reason) in [
        ("", "malformed"),
        ("[", "malformed"),
        ("5", "invalid_attribute"),
        ("{}", "invalid_attribute"),
        (&own.replace("\"1.0\"", "\"0.3\""), "invalid_attribute"),
        (&own.replace("2026-11-23T06:00:00Z", "yesterday"), "invalid_attribute"),
        (&own.replace("1.10", &deep), "too_deep"),
        (&own.replace("deal.won", "contract.signed"), "unknown_type"),
    ] {
        let checked = check(&client, event).await;
        assert_eq!(
            (&checked["accepted"], &checked["reason"]),
            (&json!(false), &json!(reason)),
            "{checked}"
        );
        assert_eq!((&checked["webhooks"], &checked["body"]), (&json!([]), &Value::Null));
        assert!(!checked["detail"].as_str().unwrap().is_empty());
    }
    let bytes = ok(&send(&client, "application/json", &b"\xff"[..]).await);
    assert_eq!(bytes["reason"], "not_utf8");
}

#[tokio::test]
async fn an_event_of_another_account_tells_nothing_about_it() {
    let api = Api::start().await;
    create(&api.client(OTHER_ACCOUNT, Role::Admin).await, &erp_sync()).await;
    let client = api.admin().await;
    let existing = check(&client, &event(OTHER_ACCOUNT)).await;
    assert_eq!(
        (&existing["accepted"], &existing["reason"], &existing["webhooks"]),
        (&json!(false), &json!("other_account"), &json!([]))
    );
    assert_eq!(check(&client, &event("nobody")).await, existing);
    let unknown_type = event(OTHER_ACCOUNT).replace("deal.won", "contract.signed");
    assert_eq!(check(&client, &unknown_type).await, existing);
    let without = event(ACCOUNT).replace(&format!("\"account\":\"{ACCOUNT}\","), "");
    assert_eq!(check(&client, &without).await["reason"], "other_account");
}

#[tokio::test]
async fn size_and_media_type_are_limited() {
    let api = Api::start().await;
    let client = api.admin().await;
    let full = event(ACCOUNT).replace("1.10", &"1".repeat(LARGEST_EVENT));
    problem(&send(&client, "application/json", full).await, 413);
    let room = LARGEST_EVENT - event(ACCOUNT).len();
    let largest = event(ACCOUNT).replace("1.10", &format!("1.10{}", "0".repeat(room)));
    assert_eq!(largest.len(), LARGEST_EVENT);
    assert_eq!(check(&client, &largest).await["accepted"], true);
    problem(&send(&client, "text/plain", event(ACCOUNT)).await, 415);
    problem(
        &send(&client, "application/cloudevents+protobuf", event(ACCOUNT)).await,
        415,
    );
}

#[tokio::test]
async fn the_page_tries_an_event_for_viewers_too() {
    let api = Api::start().await;
    create(&api.admin().await, &erp_sync()).await;
    let path = format!("{LIST}/find");
    for role in [Role::Admin, Role::Viewer] {
        let mut browser = Browser::signed_in(&api, ACCOUNT, role).await;
        let text = event(ACCOUNT).replace('\n', "\r\n");
        let answer = browser.post(&path, &[("event", &text)]).await;
        assert_eq!(answer.status, 200);
        let page = answer.text();
        for expected in [
            "Accepted; 1 of 1 webhooks would get it",
            "Would get it</span>",
            "&#34;timestamp&#34;:&#34;2026-11-23T06:00:00Z&#34;",
        ] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
        let refused = browser
            .post(&path, &[("event", "<script>alert(1)</script>")])
            .await
            .text();
        assert!(refused.contains("Not accepted: ") && refused.contains("<code>malformed</code>"));
        assert!(!refused.contains("<script>alert"));
    }
    let mut browser = Browser::admin(&api).await;
    let large = event(ACCOUNT).replace("1.10", &format!("\"{}\"", "&".repeat(LARGEST_EVENT - 1000)));
    let answer = browser.post(&path, &[("event", &large)]).await;
    assert!(
        answer.text().contains("Accepted") && answer.text().len() < 60_000,
        "{}",
        answer.text().len()
    );
    let too_large = browser.post(&path, &[("event", &"x".repeat(LARGEST_EVENT + 1))]).await;
    assert!(too_large.text().contains("<code>too_large</code>"));
    let form = browser.post_fields(&path, &[("event", "{}")]).await;
    assert_eq!(form.status, 403);
}
