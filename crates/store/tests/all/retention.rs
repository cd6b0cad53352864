//! Retention, while deliveries are being written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::WebhookId;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use store::outcomes::{DeliveryRecord, Disposition};
use store::{Database, Removed};
use tokio_postgres::Client;

use crate::fixture::{
    AUTO_PAUSE, WAITS, account, admin, connect, empty_database, migrated, now, open, retrying, webhook,
};

const KEPT: u16 = 30;
/// A longer write was blocked by a lock.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

fn ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

fn day(days_ago: i64) -> Date {
    ago(days_ago).to_zoned(TimeZone::UTC).date()
}

/// Writes a delivery that was accepted so many days ago.
async fn logged(database: &Database, webhook: WebhookId, days_ago: i64) -> DeliveryRecord {
    let record = retrying(webhook, &format!("{days_ago} days"), ago(days_ago));
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    record
}

async fn is_logged(database: &Database, record: &DeliveryRecord) -> bool {
    database
        .known_delivery(record.delivery.id, None)
        .await
        .unwrap()
        .is_some()
}

async fn count(sql: &Client, query: &str) -> i64 {
    sql.query_one(&format!("SELECT count(*) FROM {query}"), &[])
        .await
        .unwrap()
        .get(0)
}

/// Tables of a day, part of the log or not.
async fn tables(sql: &Client, days_ago: i64) -> i64 {
    let suffix = day(days_ago).strftime("%Y%m%d");
    count(
        sql,
        &format!("pg_class WHERE relkind = 'r' AND relname ~ '^(deliveries|attempts)_{suffix}$'"),
    )
    .await
}

#[tokio::test]
async fn a_day_older_than_the_retention_goes_and_a_younger_one_stays() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    let (old, young) = (
        logged(&database, webhook, 31).await,
        logged(&database, webhook, 29).await,
    );

    let removed = database.apply_retention(KEPT).await.unwrap();
    // The row is the attempt's count.
    assert_eq!(
        removed,
        Some(Removed {
            days: vec![day(31)],
            rows: 1
        })
    );
    assert!(!is_logged(&database, &old).await && is_logged(&database, &young).await);
    assert_eq!((tables(&sql, 31).await, tables(&sql, 29).await), (0, 2));
    assert_eq!(database.partition_range().await.unwrap().unwrap().0, day(29));
    assert_eq!(database.apply_retention(KEPT).await.unwrap(), Some(Removed::default()));
}

#[tokio::test]
async fn looking_changes_nothing() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    let records = [
        logged(&database, webhook, 40).await,
        logged(&database, webhook, 31).await,
    ];
    logged(&database, webhook, 29).await;

    assert_eq!(database.past_days(KEPT).await.unwrap(), [day(40), day(31)]);
    for record in &records {
        assert!(is_logged(&database, record).await);
    }
    assert_eq!((tables(&sql, 40).await, tables(&sql, 31).await), (2, 2));
}

#[tokio::test]
async fn one_place_at_a_time() {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    for days_ago in 31..36 {
        logged(&database, webhook, days_ago).await;
    }
    let places: Vec<_> = (0..4).map(|_| open(&url, 1)).collect();
    let all = futures_util::future::join_all(places.iter().map(|place| place.apply_retention(KEPT))).await;
    let mut days: Vec<Date> = all
        .into_iter()
        .filter_map(Result::unwrap)
        .flat_map(|removed| removed.days)
        .collect();
    days.sort();
    assert_eq!(days, [day(35), day(34), day(33), day(32), day(31)]);

    let other = connect(&url).await;
    other
        .batch_execute("SELECT pg_advisory_lock(hashtext('easycrm webhooks retention'))")
        .await
        .unwrap();
    assert_eq!(database.apply_retention(KEPT).await.unwrap(), None);
}

/// Writes into the log until stopped; returns how often.
async fn write(database: &Database, webhook: WebhookId, stop: &AtomicBool) -> usize {
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        let record = retrying(webhook, &format!("new {written}"), now());
        let writing = database.record(std::slice::from_ref(&record), AUTO_PAUSE);
        tokio::time::timeout(WRITTEN_WITHIN, writing)
            .await
            .expect("no write waits for the retention")
            .unwrap();
        written += 1;
    }
    written
}

/// Applies the retention while writing.
async fn apply_while_writing(database: &Database, webhook: WebhookId) -> Result<Option<Removed>, store::StoreError> {
    let stop = AtomicBool::new(false);
    let apply = async {
        let removed = database.apply_retention(KEPT).await;
        stop.store(true, Ordering::Relaxed);
        removed
    };
    let (removed, written) = tokio::join!(apply, write(database, webhook, &stop));
    assert!(written > 0);
    removed
}

#[tokio::test]
async fn writes_go_on_while_somebody_reads_the_log_for_long_and_the_interrupted_removal_is_finished() {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    let (sql, reader) = (connect(&url).await, connect(&url).await);
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    let old = [
        logged(&database, webhook, 32).await,
        logged(&database, webhook, 31).await,
    ];
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM deliveries")
        .await
        .unwrap();

    for _ in 0..2 {
        let error = apply_while_writing(&database, webhook).await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        assert_eq!(count(&sql, "pg_inherits WHERE inhdetachpending").await, 1);
    }
    // Only that day is invisible already.
    assert!(!is_logged(&database, &old[0]).await && is_logged(&database, &old[1]).await);
    assert_eq!(tables(&sql, 32).await, 2);

    reader.batch_execute("COMMIT").await.unwrap();
    let removed = apply_while_writing(&database, webhook).await.unwrap().unwrap();
    assert_eq!(removed.days, [day(32), day(31)]);
    assert_eq!(tables(&sql, 32).await + tables(&sql, 31).await, 0);
    assert_eq!(count(&sql, "pg_inherits WHERE inhdetachpending").await, 0);
}

#[tokio::test]
async fn somebody_who_reads_another_day_for_long_hinders_nobody() {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    let reader = connect(&url).await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    logged(&database, webhook, 31).await;
    let today = day(0).strftime("%Y%m%d");
    reader
        .batch_execute(&format!("BEGIN; SELECT count(*) FROM deliveries_{today}"))
        .await
        .unwrap();

    let removed = apply_while_writing(&database, webhook).await.unwrap().unwrap();
    assert_eq!(removed.days, [day(31)]);
    reader.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn a_day_that_somebody_detached_to_keep_is_kept() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    logged(&database, webhook, 31).await;
    let suffix = day(31).strftime("%Y%m%d");
    sql.batch_execute(&format!("ALTER TABLE deliveries DETACH PARTITION deliveries_{suffix}"))
        .await
        .unwrap();
    database.apply_retention(KEPT).await.unwrap().unwrap();
    assert_eq!(count(&sql, &format!("deliveries_{suffix}")).await, 1);
}

async fn hold(database: &Database, webhook: WebhookId, days_ago: i64) {
    let held = DeliveryRecord {
        disposition: Disposition::Held(WAITS),
        attempts: 0,
        step: 0,
        attempt: None,
        ..retrying(webhook, &format!("{days_ago} days"), ago(days_ago))
    };
    database.record(&[held], AUTO_PAUSE).await.unwrap();
}

#[tokio::test]
async fn administrators_are_notified_before_held_deliveries_expire_and_when_they_do() {
    let (database, sql) = migrated().await;
    let [paused, young, active] = [
        webhook(&database, "acme", "ERP Sync").await,
        webhook(&database, "acme", "Young").await,
        webhook(&database, "acme", "Active").await,
    ];
    for (webhook, days) in [(paused, &[31, 28, 27, 1][..]), (young, &[27, 1]), (active, &[31, 28])] {
        for days_ago in days {
            hold(&database, webhook, *days_ago).await;
        }
    }
    for webhook in [paused, young] {
        database.pause_webhook(&admin("acme"), webhook).await.unwrap();
    }
    let messages = async || {
        let notifications = database.notifications(&account("acme"), None, None, 10).await.unwrap();
        let messages: Vec<_> = notifications.into_iter().map(|one| one.message).collect();
        messages
    };
    assert_eq!(database.notify_held_expiring(KEPT).await.unwrap(), 1);
    let expiring = format!(
        "Webhook 'ERP Sync' is paused: 2 held deliveries expire soon, the first on {}; resume the webhook to send them",
        day(0)
    );
    assert_eq!(messages().await, std::slice::from_ref(&expiring));
    assert_eq!(database.notify_held_expiring(KEPT).await.unwrap(), 0, "once a day");
    let earlier = "UPDATE notifications SET created_at = created_at - interval '1 day'";
    sql.batch_execute(earlier).await.unwrap();

    database.apply_retention(KEPT).await.unwrap().unwrap();
    let expired = "Webhook 'ERP Sync' is paused: 1 held delivery has expired and is deleted".to_owned();
    assert_eq!(messages().await, [expired, expiring]);
    assert_eq!(database.notify_held_expiring(KEPT).await.unwrap(), 1);
    database.apply_retention(KEPT).await.unwrap().unwrap();
    let tomorrow = format!("1 held delivery expires soon, the first on {}", day(-3));
    let newest = messages().await;
    assert!(newest.len() == 3 && newest[0].contains(&tomorrow), "{newest:?}");
}

/// Once the rows are gone, no later call could notify of them.
#[tokio::test]
async fn held_deliveries_stay_until_administrators_are_notified_that_they_have_expired() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    hold(&database, webhook, 31).await;
    database.pause_webhook(&admin("acme"), webhook).await.unwrap();
    let refuse = "ALTER TABLE notifications ADD CONSTRAINT refused CHECK (kind <> 'webhook.held_expired')";
    sql.batch_execute(refuse).await.unwrap();
    assert!(database.apply_retention(KEPT).await.is_err());
    assert_eq!(count(&sql, "waiting_deliveries").await, 1);
    sql.batch_execute("ALTER TABLE notifications DROP CONSTRAINT refused")
        .await
        .unwrap();
    database.apply_retention(KEPT).await.unwrap().unwrap();
    assert_eq!(count(&sql, "waiting_deliveries").await, 0);
    assert_eq!(count(&sql, "notifications").await, 1);
}

#[tokio::test]
async fn what_is_held_goes_with_its_day() {
    let (database, _sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    for days_ago in [31, 30, 29] {
        hold(&database, webhook, days_ago).await;
    }
    let removed = database.apply_retention(KEPT).await.unwrap().unwrap();
    assert_eq!(
        removed,
        Removed {
            days: vec![day(31)],
            rows: 1
        }
    );
    assert_eq!(
        database.webhook(&account("acme"), webhook).await.unwrap().unwrap().held,
        2
    );
}

/// Two rows of each small table: one expired, one not.
const SMALL: &str = "
    INSERT INTO notifications (id, account, webhook_id, kind, message, created_at)
        SELECT gen_random_uuid(), 'acme', gen_random_uuid(), 'webhook.failing', 'm', at FROM ages;
    INSERT INTO deleted_webhooks SELECT gen_random_uuid(), 'acme', 'x', at FROM ages;
    INSERT INTO attempt_counts SELECT gen_random_uuid(), at, 1, 0, 0, 5 FROM ages;
    INSERT INTO recoveries (id, account, webhook_id, since, until, found, reached_at, finished_at)
        SELECT gen_random_uuid(), 'acme', gen_random_uuid(), at, at, 0, at, at FROM ages;
    INSERT INTO recoveries (id, account, webhook_id, since, until, found, reached_at, requested_at)
        SELECT gen_random_uuid(), 'acme', gen_random_uuid(), at, at, 0, at, at FROM ages";

#[tokio::test]
async fn past_rows_of_small_tables_go() {
    let (database, sql) = migrated().await;
    sql.batch_execute(
        "CREATE TEMP TABLE ages AS SELECT now() - make_interval(days => d) AS at FROM unnest('{31,29}'::int[]) d",
    )
    .await
    .unwrap();
    sql.batch_execute(SMALL).await.unwrap();

    assert_eq!(database.apply_retention(KEPT).await.unwrap().unwrap().rows, 4);
    for (table, left) in [
        ("notifications", 1),
        ("attempt_counts", 1),
        ("deleted_webhooks", 1),
        ("recoveries", 3),
    ] {
        assert_eq!(count(&sql, table).await, left, "{table}");
    }
}

#[tokio::test]
async fn counts_are_summed_up_by_one_place_at_a_time() {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    let sql = connect(&url).await;
    let rows = "INSERT INTO held_counts SELECT '00000000-0000-0000-0000-000000000001', 1 FROM generate_series(1, 50)";
    sql.batch_execute(rows).await.unwrap();
    sql.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('easycrm webhooks counts'))")
        .await
        .unwrap();
    assert!(!database.sum_up_counts().await.unwrap());
    sql.batch_execute("COMMIT").await.unwrap();
    assert!(database.sum_up_counts().await.unwrap());
    let row = sql
        .query_one("SELECT count(*), sum(held)::bigint FROM held_counts", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 50));
}
