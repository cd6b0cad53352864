//! Pages and bodies of the API as a whole, to be read in review.
//!
//! To write them anew after a change that is meant: `INSTA_UPDATE=always cargo test -p console snapshots`.

use console::RequestLabels;
use domain::Outcome;
use http::Method;
use insta::{Settings, assert_snapshot};
use jiff::ToSpan;
use runtime::metrics::Labels;
use serde_json::json;
use store::outcomes::{AttemptRecord, DeliveryRecord};
use store::tokens::Role;
use testkit::http::Response;

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, OTHER_ACCOUNT, create, erp_sync, id};
use crate::deliveries::{failed, now};
use crate::notifications::notify;
use crate::pages::browser::{Browser, LIST};

/// What differs from run to run: patterns, and what stands in their place.
const REDACTED: [(&str, &str); 10] = [
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[id]"),
    (r"msg_[0-9a-f]{32}", "msg_[id]"),
    (r"whsec_[A-Za-z0-9+/]{10,}=*", "whsec_[key]"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z?", "[time]"),
    (r"\d{1,2} [A-Z][a-z]{2} \d{4}, [0-9:]+ UTC", "[time]"),
    (
        r#"name="form_token" value="[^"]+""#,
        r#"name="form_token" value="[token]""#,
    ),
    (r"console-[0-9a-f]{16}\.", "console-[hash]."),
    (r"webhook-timestamp: \d+", "webhook-timestamp: [time]"),
    (r"v1,[A-Za-z0-9+/]{43}=", "v1,[signature]"),
    (r#""next_cursor": "[^"]+""#, r#""next_cursor": "[cursor]""#),
];

#[track_caller]
fn check(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_filters(REDACTED);
    // Templates leave the lines of their statements empty.
    let lines: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    settings.bind(|| assert_snapshot!(name, lines.join("\n")));
}

/// A delivery whose receiver answered with an error page.
fn failed_delivery(webhook: &str) -> DeliveryRecord {
    let mut record = failed(ACCOUNT, webhook, "evt-1", now() - 5.minutes());
    record.delivery.payload = r#"{"id":"evt-1","amount":1.10}"#.into();
    record.attempt = record.attempt.map(|attempt| AttemptRecord {
        outcome: Outcome::Http5xx,
        response_time_ms: 231,
        response_excerpt: b"<h1>Oops</h1>\xff".to_vec(),
        ..attempt
    });
    record
}

#[tokio::test]
async fn pages() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    check("page-sign-in", &Browser::new(&api).page("/sign-in").await);
    check("page-list-empty", &browser.page(LIST).await);
    let webhook = browser.add_webhook("ERP Sync").await;
    let paused = browser.add_webhook("Data lake").await;
    browser.post(&format!("{paused}/pause"), &[]).await;
    let owner = webhook.rsplit('/').next().unwrap();
    notify(&api, ACCOUNT, owner, "Webhook 'ERP Sync' is failing").await;
    let form = format!("{LIST}/new");
    let refused = browser.post(&form, &[("url", "http://erp.example.com/")]).await;
    check("page-form-refused", &refused.text());
    let missing = browser.get(&format!("{LIST}/nothing")).await;
    check("page-not-found", &missing.text());
    for (name, path) in [
        ("list", LIST.to_owned()),
        ("notifications", format!("{LIST}/notifications")),
        ("form", form),
        ("webhook", webhook.clone()),
        ("webhook-paused", paused),
        ("edit", format!("{webhook}/edit")),
        ("verify", format!("{webhook}/verify")),
        ("delete", format!("{webhook}/delete")),
    ] {
        check(&format!("page-{name}"), &browser.page(&path).await);
    }
    // Last: charts tell the hour of an attempt.
    let record = failed_delivery(owner);
    let delivery = record.delivery.id;
    api.database.record(&[record], AUTO_PAUSE).await.unwrap();
    for (name, path) in [
        ("log", format!("{webhook}/deliveries")),
        ("delivery", format!("{webhook}/deliveries/{delivery}")),
        ("recover", format!("{webhook}/recover?since=2026-01-01T00:00")),
        ("find", format!("{LIST}/find?q=evt-1")),
        ("find-nothing", format!("{LIST}/find?q=deals/9001")),
    ] {
        check(&format!("page-{name}"), &browser.page(&path).await);
    }
}

/// The status, the headers that the API's description names, and the body.
fn whole(answer: &Response) -> String {
    let named = ["location", "etag", "idempotent-replayed", "www-authenticate"];
    let headers = named
        .iter()
        .filter_map(|name| Some((name, answer.headers.get(*name)?.to_str().ok()?)));
    let headers: String = headers.map(|(name, value)| format!("{name}: {value}\n")).collect();
    let body = answer.json().map(|body| format!("{body:#}"));
    format!("{}\n{headers}\n{}", answer.status, body.unwrap_or_default())
}

#[tokio::test]
async fn bodies() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = id(&create(&client, &erp_sync()).await).to_owned();
    let webhook = format!("/api/v1/webhooks/{webhook}");
    let owner = webhook.rsplit('/').next().unwrap();
    let record = failed_delivery(owner);
    let delivery = format!("/api/v1/deliveries/{}", record.delivery.id);
    api.database.record(&[record], AUTO_PAUSE).await.unwrap();
    notify(&api, ACCOUNT, owner, "Webhook 'ERP Sync' is failing").await;
    let range = json!({"since": "2026-01-01T00:00:00Z"});
    for (name, method, path, body) in [
        ("create", Method::POST, "/api/v1/webhooks".to_owned(), erp_sync()),
        (
            "create-refused",
            Method::POST,
            "/api/v1/webhooks".to_owned(),
            json!({"url": "http://10.0.0.5/", "nme": 1}),
        ),
        ("webhook", Method::GET, webhook.clone(), json!(null)),
        ("list", Method::GET, "/api/v1/webhooks?limit=1".to_owned(), json!(null)),
        (
            "rotate-secret",
            Method::POST,
            format!("{webhook}/secret/rotate"),
            json!({}),
        ),
        ("pause", Method::POST, format!("{webhook}/pause"), json!({})),
        ("deliveries", Method::GET, format!("{webhook}/deliveries"), json!(null)),
        ("delivery", Method::GET, delivery, json!(null)),
        ("recover", Method::POST, format!("{webhook}/recover"), range.clone()),
        ("recover-again", Method::POST, format!("{webhook}/recover"), range),
        ("recovery", Method::GET, format!("{webhook}/recovery"), json!(null)),
        ("audit", Method::GET, format!("{webhook}/audit"), json!(null)),
        (
            "notifications",
            Method::GET,
            "/api/v1/notifications".to_owned(),
            json!(null),
        ),
        (
            "event-types",
            Method::GET,
            "/api/v1/event-types".to_owned(),
            json!(null),
        ),
        (
            "not-found",
            Method::GET,
            "/api/v1/webhooks/nothing".to_owned(),
            json!(null),
        ),
    ] {
        let answer = match method {
            Method::GET => client.get(&path).await.unwrap(),
            _ => client.post(&path, &body).await.unwrap(),
        };
        check(&format!("api-{name}"), &whole(&answer));
    }
    let stranger = api.client(OTHER_ACCOUNT, Role::Admin).await;
    check("api-not-ours", &whole(&stranger.get(&webhook).await.unwrap()));
    let nobody = api.anonymous().get(&webhook).await.unwrap();
    check("api-unauthorized", &whole(&nobody));
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    let forbidden = viewer.post(&format!("{webhook}/pause"), &json!({})).await.unwrap();
    check("api-forbidden", &whole(&forbidden));
}

/// Of `http_server_request_duration_seconds`.
#[test]
fn labels_of_requests() {
    let combinations = RequestLabels::combinations();
    let lines: Vec<_> = combinations.iter().map(|labels| labels.join(" ")).collect();
    check("request-labels", &lines.join("\n"));
}
