//! Test deliveries: forms that wait for a sender, and entries in the log.

use bytes::Bytes;
use domain::{DeliveryHead, DeliveryState, EventType, Outcome, SigningSecret, Trigger, WebhookId};
use jiff::{SignedDuration, Timestamp};
use store::delivery_log::Filter;
use store::recover::{RecoverRange, Retry};
use store::test_log::TestRecord;
use store::test_requests::TestSubject;
use store::{Database, StoreError};
use uuid::Uuid;

use crate::fixture::{account, admin, connect, empty_database, migrated, now, open, url, webhook};

fn event_type() -> EventType {
    EventType::parse("deal.won").unwrap()
}

fn form(secret: &str) -> TestSubject {
    TestSubject::Form {
        url: url("https://erp.example.com/new"),
        secret: SigningSecret::parse(secret).unwrap(),
    }
}

const SECRET: &str = "a secret that is not saved";

async fn add(database: &Database, subject: &TestSubject) -> Uuid {
    database
        .add_test_request(&account("acme"), subject, event_type())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_form_is_taken_once_and_by_its_account() {
    let (database, _) = migrated().await;
    let id = add(&database, &form(SECRET)).await;
    assert!(
        database
            .take_test_request(&account("globex"), id)
            .await
            .unwrap()
            .is_none()
    );
    let taken = database.take_test_request(&account("acme"), id).await.unwrap().unwrap();
    assert_eq!(
        (taken.webhook, taken.url.as_str()),
        (None, "https://erp.example.com/new")
    );
    assert_eq!(
        (taken.event_type.as_str(), taken.secrets[0].expose()),
        ("deal.won", SECRET)
    );
    assert!(
        database
            .take_test_request(&account("acme"), id)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn of_many_senders_one_makes_the_test() {
    let (database, _) = migrated().await;
    let id = add(&database, &form(SECRET)).await;
    let acme = account("acme");
    let taken = futures_util::future::join_all((0..8).map(|_| database.take_test_request(&acme, id))).await;
    assert_eq!(
        taken
            .into_iter()
            .filter(|taken| taken.as_ref().unwrap().is_some())
            .count(),
        1
    );
}

#[tokio::test]
async fn a_saved_webhook_is_read_when_it_is_tested() {
    let (database, sql) = migrated().await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    let stranger = database
        .add_test_request(&account("globex"), &TestSubject::Saved(id), event_type())
        .await
        .unwrap();
    assert_eq!(stranger, None);
    let test = add(&database, &TestSubject::Saved(id)).await;
    sql.execute("UPDATE webhooks SET url = 'https://erp.example.com/edited'", &[])
        .await
        .unwrap();
    let taken = database
        .take_test_request(&account("acme"), test)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (taken.webhook, taken.url.as_str()),
        (Some(id), "https://erp.example.com/edited")
    );
    let secret = database.current_secret(&account("acme"), id).await.unwrap().unwrap();
    assert_eq!(taken.secrets[0].expose(), secret.expose());

    let test = add(&database, &TestSubject::Saved(id)).await;
    database.delete_webhook(&admin("acme"), id, None).await.unwrap();
    assert!(
        database
            .take_test_request(&account("acme"), test)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_request_that_no_sender_took_is_deleted() {
    let (database, sql) = migrated().await;
    let (taken_back, old, new) = (
        add(&database, &form(SECRET)).await,
        add(&database, &form(SECRET)).await,
        add(&database, &form(SECRET)).await,
    );
    database.delete_test_request(&account("globex"), new).await.unwrap();
    database
        .delete_test_request(&account("acme"), taken_back)
        .await
        .unwrap();
    let age = "UPDATE test_requests SET created_at = now() - interval '16 minutes' WHERE id = $1";
    assert_eq!(sql.execute(age, &[&old]).await.unwrap(), 1);
    assert_eq!(database.delete_old_test_requests().await.unwrap(), 1);
    let left = sql.query("SELECT id FROM test_requests", &[]).await.unwrap();
    assert_eq!(left.iter().map(|row| row.get::<_, Uuid>(0)).collect::<Vec<_>>(), [new]);
}

#[tokio::test]
async fn a_waiting_secret_is_encrypted_for_its_own_row() {
    let database_url = empty_database().await;
    let database = open(&database_url, 1);
    database.migrate().await.unwrap();
    let (own, other, third) = (
        add(&database, &form(SECRET)).await,
        add(&database, &form("another secret text")).await,
        form(SECRET),
    );
    let sql = connect(&database_url).await;
    let texts = "SELECT encode(ciphertext, 'escape') || t::text FROM test_requests t";
    for row in sql.query(texts, &[]).await.unwrap() {
        assert!(!row.get::<_, &str>(0).contains("secret"));
    }
    let swap = "UPDATE test_requests t SET ciphertext = o.ciphertext FROM test_requests o WHERE o.id <> t.id";
    assert_eq!(sql.execute(swap, &[]).await.unwrap(), 2);
    for id in [own, other] {
        assert!(matches!(
            database.take_test_request(&account("acme"), id).await,
            Err(StoreError::Secret)
        ));
    }
    // A form that waits while the key is replaced must not prevent a start.
    add(&database, &third).await;
    assert!(open(&database_url, 2).has_all_keys().await.unwrap());
}

fn failed_test(webhook: WebhookId, at: Timestamp) -> TestRecord {
    let id = Uuid::now_v7();
    TestRecord {
        delivery: DeliveryHead {
            id: id.into(),
            webhook,
            account: account("acme"),
            event_id: format!("test-{id}"),
            event_type: "deal.won".to_owned(),
            subject: None,
            accepted_at: at,
            payload: Bytes::from_static(b"{\"test\":true}"),
            traceparent: None,
        },
        outcome: Outcome::Http5xx,
        http_status: Some(500),
        response_time_ms: 12,
        error: None,
        response_excerpt: b"out of order \xff".to_vec(),
    }
}

#[tokio::test]
async fn tests_are_in_the_log_and_count_for_nothing() {
    let (database, sql) = migrated().await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    let acme = account("acme");
    let before = database.webhook(&acme, id).await.unwrap().unwrap();
    let mut last = failed_test(id, now());
    for _ in 0..12 {
        last = failed_test(id, now());
        database.record_test(&last).await.unwrap();
    }
    assert_eq!(database.webhook(&acme, id).await.unwrap().unwrap(), before);
    for table in ["notifications", "attempt_counts", "waiting_deliveries"] {
        let rows: i64 = sql
            .query_one(&format!("SELECT count(*) FROM {table}"), &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(rows, 0, "{table}");
    }
    let range = RecoverRange {
        since: Timestamp::UNIX_EPOCH,
        until: last.delivery.accepted_at + SignedDuration::from_secs(1),
        event_types: None,
    };
    assert_eq!(database.recoverable(&acme, id, &range).await.unwrap().count, 0);
    assert!(matches!(
        database.retry_delivery(&admin("acme"), last.delivery.id).await.unwrap(),
        Retry::NotRetryable
    ));
    assert_eq!(
        database
            .deliveries(&acme, id, &Filter::default(), 100)
            .await
            .unwrap()
            .len(),
        12
    );
    let detail = database.delivery(&acme, last.delivery.id).await.unwrap().unwrap();
    let delivery = &detail.delivery;
    assert_eq!(
        (delivery.test, delivery.state, delivery.attempts),
        (true, DeliveryState::Failed, 1)
    );
    assert_eq!(
        (delivery.http_status, delivery.created_at),
        (Some(500), last.delivery.accepted_at)
    );
    assert_eq!(detail.payload, last.delivery.payload);
    let attempt = &detail.attempts[0];
    assert_eq!(
        (attempt.number, attempt.trigger, attempt.outcome),
        (1, Trigger::Test, Outcome::Http5xx)
    );
    assert_eq!(
        (attempt.at, attempt.response_excerpt.as_deref()),
        (last.delivery.accepted_at, Some(&b"out of order \xff"[..]))
    );
}

#[tokio::test]
async fn a_test_that_succeeded_is_delivered_on_any_day() {
    let (database, _) = migrated().await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    let without_partition = now().checked_add(SignedDuration::from_hours(24 * 20)).unwrap();
    let test = TestRecord {
        outcome: Outcome::Success,
        http_status: Some(200),
        ..failed_test(id, without_partition)
    };
    database.record_test(&test).await.unwrap();
    let detail = database
        .delivery(&account("acme"), test.delivery.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (detail.delivery.state, detail.delivery.http_status),
        (DeliveryState::Delivered, Some(200))
    );
}
