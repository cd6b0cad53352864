//! The delivery log.

use domain::{DeliveryHead, DeliveryId, Next, Outcome, Trigger, WebhookId};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition, OutboxEntry};
use store::tokens::Role;
use testkit::http::Client;

use crate::api::{
    ACCOUNT, AUTO_PAUSE, Api, OTHER_ACCOUNT, account, create, erp_sync, expected, field_errors, id, ok, problem,
};

/// Of a delivery that waits for the relay, and was not released before.
pub const WAITS: OutboxEntry = OutboxEntry {
    trigger: Trigger::Resume,
    returned: false,
    deferral: None,
};

/// The present, as precise as the database keeps it.
pub fn now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
}

/// A delivery that succeeded at the first attempt.
pub fn delivered(owner: &str, webhook: &str, event_id: &str, accepted_at: Timestamp) -> DeliveryRecord {
    let webhook: WebhookId = webhook.parse().unwrap();
    let attempt = AttemptRecord {
        trigger: Trigger::Event,
        at: accepted_at,
        url: None,
        deferred_for: std::time::Duration::ZERO,
        outcome: Outcome::Success,
        http_status: Some(200),
        response_time_ms: 12,
        error: None,
        response_excerpt: b"ok".to_vec(),
        next: Next::Delivered,
    };
    DeliveryRecord {
        delivery: DeliveryHead {
            id: DeliveryId::derive(&account(owner), "/crm", event_id, webhook),
            webhook,
            account: account(owner),
            event_id: event_id.to_owned(),
            event_type: "deal.won".to_owned(),
            subject: None,
            accepted_at,
            payload: format!(r#"{{"id":"{event_id}"}}"#).into(),
            traceparent: None,
        },
        disposition: Disposition::Delivered,
        attempts: 1,
        step: 0,
        attempt: Some(attempt),
    }
}

/// A delivery that failed at the last attempt of its ladder.
pub fn failed(owner: &str, webhook: &str, event_id: &str, accepted_at: Timestamp) -> DeliveryRecord {
    let record = delivered(owner, webhook, event_id, accepted_at);
    let attempt = record.attempt.map(|attempt| AttemptRecord {
        outcome: Outcome::Http5xx,
        http_status: Some(500),
        next: Next::Failed,
        ..attempt
    });
    DeliveryRecord {
        disposition: Disposition::Failed { error: None },
        attempts: 4,
        step: 3,
        attempt,
        ..record
    }
}

/// A delivery that waits for its webhook to be resumed.
pub fn held(owner: &str, webhook: &str, event_id: &str, accepted_at: Timestamp) -> DeliveryRecord {
    DeliveryRecord {
        disposition: Disposition::Held(WAITS),
        attempts: 0,
        attempt: None,
        ..delivered(owner, webhook, event_id, accepted_at)
    }
}

/// The log of a webhook, and an administrator of its account.
pub struct Log {
    pub api: Api,
    pub client: Client,
    pub webhook: String,
}

impl Log {
    pub async fn start() -> Self {
        let api = Api::start().await;
        let client = api.admin().await;
        let webhook = id(&create(&client, &erp_sync()).await).to_owned();
        Self { api, client, webhook }
    }

    pub async fn record(&self, records: &[DeliveryRecord]) {
        self.api.database.record(records, AUTO_PAUSE).await.unwrap();
    }

    fn path(&self, query: &str) -> String {
        format!("/api/v1/webhooks/{}/deliveries?{query}", self.webhook)
    }

    async fn page(&self, query: &str) -> Value {
        ok(&self.client.get(&self.path(query)).await.unwrap())
    }

    async fn event_ids(&self, query: &str) -> Vec<String> {
        event_ids(&self.page(query).await)
    }
}

fn event_ids(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["event_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_line_of_the_log_and_everything_behind_it() {
    let log = Log::start().await;
    let payload =
        "{\"type\":\"deal.won\",\"data\":{ \"b\":1.10,\"a\":\"\\u0000\\ud800 é\",\"b\":12345678901234567890123 }}";
    let mut record = delivered(ACCOUNT, &log.webhook, "evt-\"1\"", now());
    (record.step, record.delivery.payload) = (1, payload.into());
    record.disposition = Disposition::Retrying {
        retry_in: std::time::Duration::from_secs(60),
    };
    record.attempt = record.attempt.map(|attempt| AttemptRecord {
        outcome: Outcome::Http5xx,
        http_status: Some(503),
        next: Next::RetryAt { step: 0 },
        response_excerpt: b"busy \xff\xe2\x82".to_vec(),
        ..attempt
    });
    log.record(std::slice::from_ref(&record)).await;
    let second = AttemptRecord {
        trigger: Trigger::Retry,
        at: record.delivery.accepted_at + 1.minute(),
        url: None,
        deferred_for: std::time::Duration::ZERO,
        outcome: Outcome::Timeout,
        http_status: None,
        response_time_ms: 15_000,
        error: Some("timeout".to_owned()),
        response_excerpt: Vec::new(),
        next: Next::Failed,
    };
    let failed = DeliveryRecord {
        disposition: Disposition::Failed { error: None },
        attempts: 2,
        attempt: Some(second),
        ..record.clone()
    };
    log.record(std::slice::from_ref(&failed)).await;

    let line = log.page("").await["data"][0].clone();
    let expected_line = json!({
        "id": record.delivery.id, "webhook_id": log.webhook, "event_id": "evt-\"1\"", "event_type": "deal.won",
        "state": "failed", "test": false, "attempts": 2, "http_status": null, "error": "timeout",
        "response_time_ms": 15_000, "created_at": record.delivery.accepted_at, "updated_at": line["updated_at"],
        "next_attempt_at": null, "subject": null,
    });
    assert_eq!(line, expected_line);

    let detail = ok(&log
        .client
        .get(&format!("/api/v1/deliveries/{}", record.delivery.id))
        .await
        .unwrap());
    let mut expected_detail = expected_line;
    expected_detail["payload"] = json!(payload);
    expected_detail["attempts"] = json!([
        {"number": 1, "trigger": "event", "at": record.delivery.accepted_at, "outcome": "http_5xx", "http_status": 503,
         "response_time_ms": 12, "error": null, "response_excerpt": "busy \u{fffd}\u{fffd}"},
        {"number": 2, "trigger": "retry", "at": record.delivery.accepted_at + 1.minute(), "outcome": "timeout",
         "http_status": null, "response_time_ms": 15_000, "error": "timeout", "response_excerpt": null},
    ]);
    assert_eq!(detail, expected_detail);
}

#[tokio::test]
async fn a_payload_is_a_file_with_the_exact_bytes() {
    let log = Log::start().await;
    let mut record = delivered(ACCOUNT, &log.webhook, "evt-1", now());
    let payload = "{ \"name\": \"Ünïcode\",\n\t\"amount\": 1.50 }\n";
    record.delivery.payload = payload.into();
    log.record(std::slice::from_ref(&record)).await;
    let path = format!("/api/v1/deliveries/{}/payload", record.delivery.id);
    for client in [&log.client, &log.api.client(ACCOUNT, Role::Viewer).await] {
        let answer = client.get(&path).await.unwrap();
        ok(&answer);
        assert_eq!(answer.text(), payload);
        let file = format!("attachment; filename=\"{}.json\"", record.delivery.id);
        assert_eq!(answer.headers["content-disposition"], file.as_str());
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    let stranger = log.api.client(OTHER_ACCOUNT, Role::Admin).await;
    problem(&stranger.get(&path).await.unwrap(), 404);
}

#[tokio::test]
async fn pages_stay_put_while_deliveries_arrive() {
    let log = Log::start().await;
    let newest = now();
    // Over three days, in pairs of the same instant.
    let at = |number: i64| newest - ((number / 2) * 5).hours();
    let mut records: Vec<_> = (0..30)
        .map(|number| delivered(ACCOUNT, &log.webhook, &format!("old-{number}"), at(number)))
        .collect();
    log.record(&records).await;
    let (mut seen, mut query) = (Vec::new(), "limit=7".to_owned());
    for round in 0.. {
        let page = log.page(&query).await;
        seen.extend(event_ids(&page));
        let arriving = delivered(
            ACCOUNT,
            &log.webhook,
            &format!("new-{round}"),
            newest + (round + 1).seconds(),
        );
        log.record(&[arriving]).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=7&cursor={cursor}");
    }
    records.sort_by_key(|record| std::cmp::Reverse((record.delivery.accepted_at, record.delivery.id)));
    assert_eq!(
        seen,
        records
            .iter()
            .map(|record| record.delivery.event_id.clone())
            .collect::<Vec<_>>()
    );
    assert_eq!(log.event_ids("limit=1").await, ["new-4"]);
}

#[tokio::test]
async fn filters_narrow_the_log() {
    let log = Log::start().await;
    let start = now() - 2.hours();
    let record = |event_id: &str, minutes: i64| delivered(ACCOUNT, &log.webhook, event_id, start + minutes.minutes());
    let mut lost = record("lost", 10);
    lost.delivery.event_type = "deal.lost".to_owned();
    let held = held(ACCOUNT, &log.webhook, "held", start + 20.minutes());
    log.record(&[record("won", 0), lost, held]).await;

    assert_eq!(log.event_ids("").await, ["held", "lost", "won"]);
    assert_eq!(log.event_ids("state=held").await, ["held"]);
    assert_eq!(log.event_ids("state=failed").await, Vec::<String>::new());
    assert_eq!(log.event_ids("event_type=deal.lost&state=delivered").await, ["lost"]);
    // `since` takes in, `until` leaves out.
    let (first, last) = (start + 10.minutes(), start + 20.minutes());
    assert_eq!(log.event_ids(&format!("since={first}&until={last}")).await, ["lost"]);
    assert_eq!(
        log.event_ids(&format!("since={last}&until={last}")).await,
        Vec::<String>::new()
    );
    assert_eq!(
        log.event_ids("since=0001-01-01T00:00:00Z&until=9999-12-30T00:00:00Z")
            .await
            .len(),
        3
    );
    assert_eq!(log.event_ids("limit=1000000000&state=&cursor=").await.len(), 3);
    let shown = ok(&log
        .client
        .get(&format!("/api/v1/webhooks/{}", log.webhook))
        .await
        .unwrap());
    assert_eq!(shown["held"], 1);
}

#[tokio::test]
async fn a_filter_that_is_none_is_refused() {
    let log = Log::start().await;
    let early = "since=2026-11-24T00:00:00Z&until=2026-11-23T00:00:00Z";
    for (query, pointer, code) in [
        ("limit=0", "/limit", "invalid_value"),
        ("limit=-5", "/limit", "invalid_value"),
        ("limit=many", "/limit", "invalid_value"),
        ("state=lost", "/state", "invalid_value"),
        ("event_type=deal.*", "/event_type", "invalid_value"),
        ("event_type=%00", "/event_type", "invalid_value"),
        ("since=yesterday", "/since", "invalid_value"),
        ("until=-004000-01-01T00:00:00Z", "/until", "invalid_value"),
        (early, "/since", "since_after_until"),
        ("sort=name", "/sort", "unknown_parameter"),
        ("state=held&state=failed", "/state", "duplicate_parameter"),
    ] {
        let refused = log.client.get(&log.path(query)).await.unwrap();
        assert_eq!(field_errors(&refused), expected(&[(pointer, code)]), "{query}");
    }
    let both = log.client.get(&log.path("limit=0&state=x&sort=y")).await.unwrap();
    assert_eq!(field_errors(&both).len(), 3);
}

#[tokio::test]
async fn a_cursor_serves_its_own_list_only() {
    let log = Log::start().await;
    let records = ["a", "b", "c"].map(|event_id| delivered(ACCOUNT, &log.webhook, event_id, now()));
    log.record(&records).await;
    let cursor = log.page("limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    let mut tampered = cursor.clone();
    tampered.replace_range(0..1, if cursor.starts_with('Q') { "R" } else { "Q" });
    for wrong in [&tampered, &cursor[1..], "AAAA", "%00", "'"] {
        problem(
            &log.client.get(&log.path(&format!("cursor={wrong}"))).await.unwrap(),
            400,
        );
    }
    problem(
        &log.client
            .get(&format!("/api/v1/webhooks?cursor={cursor}"))
            .await
            .unwrap(),
        400,
    );
    let other = id(&create(&log.client, &erp_sync()).await).to_owned();
    problem(
        &log.client
            .get(&format!("/api/v1/webhooks/{other}/deliveries?cursor={cursor}"))
            .await
            .unwrap(),
        400,
    );
}

#[tokio::test]
async fn the_log_of_one_webhook_shows_no_other_and_outlives_it() {
    let log = Log::start().await;
    let other = id(&create(&log.client, &erp_sync()).await).to_owned();
    let record = delivered(ACCOUNT, &other, "evt", now());
    log.record(std::slice::from_ref(&record)).await;
    assert_eq!(log.event_ids("").await, Vec::<String>::new());
    log.client.delete(&format!("/api/v1/webhooks/{other}")).await.unwrap();
    let path = format!("/api/v1/webhooks/{other}/deliveries");
    let page = ok(&log.client.get(&path).await.unwrap());
    assert_eq!(page["data"][0]["event_id"], "evt");
    let stranger = log.api.client(OTHER_ACCOUNT, Role::Admin).await;
    problem(&stranger.get(&path).await.unwrap(), 404);
    ok(&log
        .client
        .get(&format!("/api/v1/deliveries/{}", record.delivery.id))
        .await
        .unwrap());
}
