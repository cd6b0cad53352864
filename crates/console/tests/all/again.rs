//! Sending failed deliveries again: one of them, or all of a time.

use domain::{DeliveryId, DeliveryState};
use jiff::ToSpan;
use serde_json::{Value, json};
use testkit::http::Response;

use crate::api::{ACCOUNT, account, create, erp_sync, expected, field_errors, id, ok, problem};
use crate::deliveries::{Log, delivered, failed, now};

impl Log {
    async fn post(&self, path: &str, body: &Value) -> Response {
        self.client.post(path, body).await.unwrap()
    }

    async fn recover(&self, body: &Value) -> Response {
        self.post(&format!("/api/v1/webhooks/{}/recover", self.webhook), body)
            .await
    }

    async fn progress(&self) -> Response {
        self.client
            .get(&format!("/api/v1/webhooks/{}/recovery", self.webhook))
            .await
            .unwrap()
    }

    async fn states(&self) -> Vec<(String, String)> {
        let list = self
            .client
            .get(&format!("/api/v1/webhooks/{}/deliveries", self.webhook))
            .await
            .unwrap();
        let list = ok(&list)["data"].clone();
        let text = |line: &Value, member: &str| line[member].as_str().unwrap().to_owned();
        list.as_array()
            .unwrap()
            .iter()
            .map(|line| (text(line, "event_id"), text(line, "state")))
            .collect()
    }
}

/// The body of a 202.
#[track_caller]
fn accepted(answer: &Response) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.json().unwrap()
}

fn retry(delivery: DeliveryId) -> String {
    format!("/api/v1/deliveries/{delivery}/retry")
}

#[tokio::test]
async fn a_failed_delivery_is_retried_once() {
    let log = Log::start().await;
    let record = failed(ACCOUNT, &log.webhook, "evt-1", now());
    log.record(std::slice::from_ref(&record)).await;
    let delivery = accepted(&log.post(&retry(record.delivery.id), &json!({})).await);
    assert_eq!(
        (&delivery["id"], &delivery["state"]),
        (&json!(record.delivery.id), &json!("queued"))
    );
    assert_eq!(
        (&delivery["attempts"], &delivery["http_status"]),
        (&json!(4), &json!(500))
    );
    let refused = problem(&log.post(&retry(record.delivery.id), &json!({})).await, 409);
    assert_eq!(
        refused["detail"],
        "Only a failed or delivered delivery can be sent again"
    );
    let waiting = "SELECT trigger, held FROM waiting_deliveries";
    let rows = log.api.sql().await.query(waiting, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].get::<_, String>(0), rows[0].get::<_, bool>(1)),
        ("manual".to_owned(), false)
    );
}

#[tokio::test]
async fn a_delivered_one_is_sent_again_once() {
    let log = Log::start().await;
    let record = delivered(ACCOUNT, &log.webhook, "evt-1", now());
    log.record(std::slice::from_ref(&record)).await;
    let delivery = accepted(&log.post(&retry(record.delivery.id), &json!({})).await);
    assert_eq!(
        (&delivery["id"], &delivery["state"]),
        (&json!(record.delivery.id), &json!("queued"))
    );
    problem(&log.post(&retry(record.delivery.id), &json!({})).await, 409);
}

#[tokio::test]
async fn while_its_webhook_is_paused_a_retry_is_held() {
    let log = Log::start().await;
    let record = failed(ACCOUNT, &log.webhook, "evt-1", now());
    log.record(std::slice::from_ref(&record)).await;
    let path = format!("/api/v1/webhooks/{}", log.webhook);
    log.post(&format!("{path}/pause"), &json!({})).await;
    assert_eq!(
        accepted(&log.post(&retry(record.delivery.id), &json!({})).await)["state"],
        "held"
    );
    assert_eq!(ok(&log.client.get(&path).await.unwrap())["held"], 1);
}

#[tokio::test]
async fn what_has_not_ended_or_has_no_webhook_is_not_sent_again() {
    let log = Log::start().await;
    let other = id(&create(&log.client, &erp_sync()).await).to_owned();
    let waits = failed(ACCOUNT, &log.webhook, "waits", now());
    let orphan = failed(ACCOUNT, &other, "orphan", now());
    let test = failed(ACCOUNT, &log.webhook, "test", now());
    log.record(&[waits.clone(), orphan.clone(), test.clone()]).await;
    accepted(&log.post(&retry(waits.delivery.id), &json!({})).await);
    let mark = "UPDATE deliveries SET test = true WHERE event_id = 'test'";
    log.api.sql().await.execute(mark, &[]).await.unwrap();
    log.client.delete(&format!("/api/v1/webhooks/{other}")).await.unwrap();
    for record in [waits, orphan, test] {
        problem(&log.post(&retry(record.delivery.id), &json!({})).await, 409);
    }
}

#[tokio::test]
async fn of_an_event_that_came_again_another_day_the_last_delivery_is_retried() {
    let log = Log::start().await;
    let (first, second) = (
        failed(ACCOUNT, &log.webhook, "evt", now() - 48.hours()),
        failed(ACCOUNT, &log.webhook, "evt", now()),
    );
    assert_eq!(first.delivery.id, second.delivery.id);
    log.record(&[first]).await;
    log.record(std::slice::from_ref(&second)).await;
    let delivery = accepted(&log.post(&retry(second.delivery.id), &json!({})).await);
    assert_eq!(delivery["created_at"], json!(second.delivery.accepted_at));
    let states: Vec<_> = log.states().await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["queued", "failed"]);
}

#[tokio::test]
async fn of_racing_retries_one_is_made() {
    let log = Log::start().await;
    let record = failed(ACCOUNT, &log.webhook, "evt-1", now());
    log.record(std::slice::from_ref(&record)).await;
    let (path, body) = (retry(record.delivery.id), json!({}));
    let (a, b, c) = tokio::join!(log.post(&path, &body), log.post(&path, &body), log.post(&path, &body));
    let mut statuses = [a, b, c].map(|answer| answer.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409]);
}

#[tokio::test]
async fn a_recovery_counts_then_sends_what_failed_in_a_time() {
    let log = Log::start().await;
    let start = now() - 26.hours();
    let record = |event_id: &str, hours: i64| failed(ACCOUNT, &log.webhook, event_id, start + hours.hours());
    let fine = delivered(ACCOUNT, &log.webhook, "fine", start + 2.hours());
    log.record(&[
        record("before", -1),
        record("first", 0),
        fine,
        record("last", 24),
        record("after", 25),
    ])
    .await;
    problem(&log.progress().await, 404);

    let range = json!({"since": start, "until": start + 25.hours()});
    let mut dry_run = range.clone();
    dry_run["dry_run"] = json!(true);
    assert_eq!(accepted(&log.recover(&dry_run).await), json!({"count": 2}));
    problem(&log.progress().await, 404);
    assert_eq!(accepted(&log.recover(&range).await), json!({"count": 2}));
    let progress = ok(&log.progress().await);
    assert_eq!((&progress["found"], &progress["waiting"]), (&json!(2), &json!(2)));
    let under_way = problem(&log.recover(&range).await, 409);
    assert!(under_way["type"].as_str().unwrap().ends_with("recovery-under-way"));
    assert_eq!(
        accepted(&log.recover(&dry_run).await),
        json!({"count": 2}),
        "counting is never refused"
    );

    let rate = domain::ReleaseRate::CAREFUL;
    while log.api.database.mark_recovered(rate).await.unwrap().is_some() {}
    let queued = |event_id: &str| (event_id.to_owned(), DeliveryState::Queued.to_string());
    let states = log.states().await;
    assert!(
        states.contains(&queued("first")) && states.contains(&queued("last")),
        "{states:?}"
    );
    assert_eq!(states.iter().filter(|(_, state)| state == "failed").count(), 2);
    let audit = log
        .api
        .database
        .audit_entries(&account(ACCOUNT), log.webhook.parse().unwrap(), None, 1)
        .await
        .unwrap();
    assert!(audit[0].detail.starts_with("2 from "), "{}", audit[0].detail);
}

#[tokio::test]
async fn a_recovery_of_some_event_types_counts_and_sends_those() {
    let log = Log::start().await;
    let mut lost = failed(ACCOUNT, &log.webhook, "lost", now());
    lost.delivery.event_type = "deal.lost".to_owned();
    log.record(&[failed(ACCOUNT, &log.webhook, "won", now()), lost]).await;
    let body = |event_types: Value, dry_run: bool| json!({"since": now() - 1.hours(), "event_types": event_types, "dry_run": dry_run});
    for (event_types, count) in [
        (json!(null), 2),
        (json!(["deal.won", "deal.lost"]), 2),
        (json!(["deal.lost", "deal.lost"]), 1),
        (json!(["invoice.paid"]), 0),
    ] {
        assert_eq!(
            accepted(&log.recover(&body(event_types, true)).await),
            json!({"count": count})
        );
    }
    for (event_types, pointer, code) in [
        (json!([]), "/event_types", "required"),
        (json!(["deal.*"]), "/event_types/0", "unknown_event_type"),
        (json!(["deal.won", "x"]), "/event_types/1", "unknown_event_type"),
        (json!("deal.won"), "/event_types", "wrong_type"),
    ] {
        let refused = log.recover(&body(event_types, true)).await;
        assert_eq!(field_errors(&refused), expected(&[(pointer, code)]));
    }
    assert_eq!(
        accepted(&log.recover(&body(json!(["deal.lost"]), false)).await),
        json!({"count": 1})
    );
    let rate = domain::ReleaseRate::CAREFUL;
    while log.api.database.mark_recovered(rate).await.unwrap().is_some() {}
    let state = |event_id: &str, state: &str| (event_id.to_owned(), state.to_owned());
    let mut states = log.states().await;
    states.sort();
    assert_eq!(states, [state("lost", "queued"), state("won", "failed")]);
}

#[tokio::test]
async fn a_recovery_ends_now_unless_it_says_when_and_null_means_the_usual() {
    let log = Log::start().await;
    log.record(&[failed(ACCOUNT, &log.webhook, "evt-1", now() - 1.hours())])
        .await;
    for body in [
        json!({"since": "2000-01-01T00:00:00Z", "dry_run": true}),
        json!({"since": "0000-01-01T00:00:00Z", "until": "9999-12-30T00:00:00Z", "dry_run": true}),
        json!({"since": now() - 2.hours(), "until": null, "dry_run": true}),
        json!({"since": now() - 2.hours(), "until": null, "dry_run": null}),
    ] {
        assert_eq!(accepted(&log.recover(&body).await), json!({"count": 1}), "{body}");
    }
}

#[tokio::test]
async fn a_recovery_without_a_proper_time_is_refused() {
    let log = Log::start().await;
    for (body, errors) in [
        (json!({}), vec![("/since", "required")]),
        (json!({"since": null}), vec![("/since", "invalid_value")]),
        (
            json!({"since": "yesterday", "until": 5}),
            vec![("/until", "wrong_type"), ("/since", "invalid_value")],
        ),
        (
            json!({"since": "-009000-01-01T00:00:00Z"}),
            vec![("/since", "invalid_value")],
        ),
        (json!({"since": "\0"}), vec![("/since", "invalid_value")]),
        (
            json!({"since": "2026-11-24T00:00:00Z", "until": "2026-11-23T00:00:00Z"}),
            vec![("/since", "since_after_until")],
        ),
        (
            json!({"since": "9999-01-01T00:00:00Z"}),
            vec![("/since", "since_after_until")],
        ),
        (
            json!({"since": "2026-11-24T00:00:00Z", "dry_run": "yes"}),
            vec![("/dry_run", "wrong_type")],
        ),
        (
            json!({"since": "2026-11-24T00:00:00Z", "state": "failed"}),
            vec![("/state", "unknown_field")],
        ),
    ] {
        assert_eq!(field_errors(&log.recover(&body).await), expected(&errors), "{body}");
    }
    problem(&log.progress().await, 404);
}
