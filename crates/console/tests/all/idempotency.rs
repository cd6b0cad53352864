//! Requests that are sent again with the same key.

use std::collections::HashSet;

use admin::{Input, WebhookForm};
use bytes::Bytes;
use domain::WebhookId;
use futures_util::future::join_all;
use http::Request;
use serde_json::{Value, json};
use store::bearer::{Bearer, Who};
use store::tokens::Role;
use testkit::http::{Client, Response};

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, account, create, erp_sync, field_errors, id, ok, problem};
use crate::deliveries::{failed, now};
use crate::refusals::Log;

const WEBHOOKS: &str = "/api/v1/webhooks";

async fn keyed(client: &Client, key: &str, path: &str, body: &Value) -> Response {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    client
        .send(request.body(Bytes::from(body.to_string())).unwrap())
        .await
        .unwrap()
}

async fn webhooks(client: &Client) -> usize {
    ok(&client.get(WEBHOOKS).await.unwrap())["data"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_webhook_is_added_once_and_shown_again() {
    let api = Api::start().await;
    let client = api.admin().await;
    let first = keyed(&client, "key-1", WEBHOOKS, &erp_sync()).await;
    assert_eq!(first.status, 201);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = keyed(&client, "key-1", WEBHOOKS, &erp_sync()).await;
    assert_eq!(
        (again.status, again.json().unwrap()),
        (first.status, first.json().unwrap())
    );
    for header in ["location", "etag", "content-type"] {
        assert_eq!(again.headers[header], first.headers[header]);
    }
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(webhooks(&client).await, 1);

    let secret = first.json().unwrap()["secret"].as_str().unwrap().to_owned();
    let rows = "SELECT idempotency_keys::text FROM idempotency_keys";
    let stored: String = api.sql().await.query_one(rows, &[]).await.unwrap().get(0);
    assert!(!stored.contains(&secret) && !stored.contains("whsec_"), "{stored}");
    let colleague = api.admin().await;
    assert_eq!(keyed(&colleague, "key-1", WEBHOOKS, &erp_sync()).await.status, 201);
    assert_eq!(webhooks(&client).await, 2, "another token's keys are its own");
}

#[tokio::test]
async fn a_webhook_that_was_added_before_is_not_logged_as_added_again() {
    let api = Api::start().await;
    let (log, _guard) = Log::start();
    let by = Bearer {
        who: Who::Operator,
        account: account(ACCOUNT),
        role: Role::Admin,
    };
    let form = || WebhookForm {
        name: Input::Given("ERP Sync".to_owned()),
        url: Input::Given("https://erp.example.com/hook".to_owned()),
        event_types: Input::Given(vec!["deal.won".to_owned()]),
        ..WebhookForm::default()
    };
    let id = WebhookId::generate();
    for _ in 0..2 {
        let (webhook, _) = api.use_cases.create_webhook_as(&by, id, form()).await.unwrap();
        assert_eq!(webhook.id, id);
    }
    assert_eq!(log.lines("webhook changed").len(), 1);
}

#[tokio::test]
async fn in_parallel_it_is_added_once_too() {
    let api = Api::start().await;
    let client = api.admin().await;
    let body = erp_sync();
    let answers = join_all((0..12).map(|_| keyed(&client, "key", WEBHOOKS, &body))).await;
    let mut ids = HashSet::new();
    for answer in answers {
        if answer.status == 201 {
            ids.insert(id(&answer.json().unwrap()).to_owned());
        } else {
            let under_way = problem(&answer, 409);
            assert!(under_way["type"].as_str().unwrap().ends_with("idempotency-key-in-use"));
            assert_eq!(answer.headers["retry-after"], "1");
        }
    }
    assert_eq!((ids.len(), webhooks(&client).await), (1, 1));
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = id(&create(&client, &erp_sync()).await).to_owned();
    let recover = format!("{WEBHOOKS}/{webhook}/recover");
    assert_eq!(keyed(&client, "key", WEBHOOKS, &erp_sync()).await.status, 201);
    let mut other = erp_sync();
    other["name"] = json!("Another");
    for (path, body) in [(WEBHOOKS, &other), (&recover, &erp_sync())] {
        let refused = problem(&keyed(&client, "key", path, body).await, 422);
        assert!(
            refused["type"]
                .as_str()
                .unwrap()
                .ends_with("idempotency-key-of-another-request")
        );
    }
    assert_eq!(webhooks(&client).await, 2);
}

#[tokio::test]
async fn what_was_refused_is_judged_again() {
    let api = Api::start().await;
    let client = api.admin().await;
    let wrong = keyed(&client, "key", WEBHOOKS, &json!({"name": ""})).await;
    assert_eq!(field_errors(&wrong).len(), 3);
    assert_eq!(
        keyed(&client, "key", WEBHOOKS, &erp_sync()).await.status,
        201,
        "nothing was kept of it"
    );

    let webhook = id(&create(&client, &erp_sync()).await).to_owned();
    let record = failed(ACCOUNT, &webhook, "evt-1", now());
    let retry = format!("/api/v1/deliveries/{}/retry", record.delivery.id);
    problem(&keyed(&client, "retry", &retry, &json!({})).await, 404);
    api.database.record(&[record], AUTO_PAUSE).await.unwrap();
    let first = keyed(&client, "retry", &retry, &json!({})).await;
    assert_eq!(first.status, 202, "{}", first.text());
    let again = keyed(&client, "retry", &retry, &json!({})).await;
    assert_eq!(
        (again.status, again.text()),
        (first.status, first.text()),
        "instead of 409"
    );

    let since = json!({"since": "2026-01-01T00:00:00Z"});
    let recover = format!("{WEBHOOKS}/{webhook}/recover");
    for _ in 0..2 {
        let answer = keyed(&client, "recover", &recover, &since).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json().unwrap()),
            (202, json!({"count": 0}))
        );
    }
    problem(&client.post(&recover, &since).await.unwrap(), 409);
}

#[tokio::test]
async fn work_that_was_cut_off_is_taken_up_after_a_minute_and_finds_what_was_done() {
    let api = Api::start().await;
    let (client, sql) = (api.admin().await, api.sql().await);
    let first = keyed(&client, "key", WEBHOOKS, &erp_sync()).await.json().unwrap();
    let cut_off = "UPDATE idempotency_keys SET status = NULL, body = NULL";
    sql.execute(cut_off, &[]).await.unwrap();
    problem(&keyed(&client, "key", WEBHOOKS, &erp_sync()).await, 409);
    let later = "UPDATE idempotency_keys SET begun_at = now() - interval '61 seconds'";
    sql.execute(later, &[]).await.unwrap();
    let again = keyed(&client, "key", WEBHOOKS, &erp_sync()).await;
    assert_eq!((again.status.as_u16(), again.json().unwrap()), (201, first));
    assert_eq!(webhooks(&client).await, 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let api = Api::start().await;
    let (client, sql) = (api.admin().await, api.sql().await);
    assert_eq!(keyed(&client, "key", WEBHOOKS, &erp_sync()).await.status, 201);
    assert_eq!(api.database.delete_old_idempotency_keys().await.unwrap(), 0);
    let later = "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'";
    sql.execute(later, &[]).await.unwrap();
    let anew = keyed(&client, "key", WEBHOOKS, &erp_sync()).await;
    assert!(anew.status == 201 && !anew.headers.contains_key("idempotent-replayed"));
    assert_eq!(webhooks(&client).await, 2);
    sql.execute(later, &[]).await.unwrap();
    assert_eq!(api.database.delete_old_idempotency_keys().await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let api = Api::start().await;
    let client = api.admin().await;
    for key in ["", "a b", "ключ", &"x".repeat(256)] {
        problem(&keyed(&client, key, WEBHOOKS, &erp_sync()).await, 400);
    }
    let twice = Request::post(WEBHOOKS).header("content-type", "application/json");
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b");
    problem(
        &client
            .send(twice.body(erp_sync().to_string().into()).unwrap())
            .await
            .unwrap(),
        400,
    );
    for key in ["'; DROP TABLE webhooks; --".replace(' ', "_"), "x".repeat(255)] {
        assert_eq!(keyed(&client, &key, WEBHOOKS, &erp_sync()).await.status, 201);
    }
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    problem(&keyed(&viewer, "key", WEBHOOKS, &erp_sync()).await, 403);
    let deleted = keyed(&client, "gone", WEBHOOKS, &erp_sync()).await.json().unwrap();
    client.delete(&format!("{WEBHOOKS}/{}", id(&deleted))).await.unwrap();
    problem(&keyed(&client, "gone", WEBHOOKS, &erp_sync()).await, 404);
}
