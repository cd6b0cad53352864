//! Schema migrations.

use std::time::Duration;

use store::{SchemaError, SchemaState};

use crate::fixture::{connect, empty_database, migrated, open, webhook};

#[tokio::test]
async fn an_empty_database_is_brought_up_once() {
    let database = open(&empty_database().await, 1);
    assert_eq!(database.schema_state().await.unwrap(), SchemaState::Older { found: 0 });
    assert!(matches!(
        database.require_schema().await,
        Err(SchemaError::Older { found: 0, .. })
    ));
    let applied = database.migrate().await.unwrap();
    assert_eq!(applied.len(), usize::try_from(SchemaState::NEEDED).unwrap());
    assert_eq!(database.schema_state().await.unwrap(), SchemaState::Current);
    assert_eq!(database.migrate().await.unwrap(), Vec::<&str>::new());
    database.wait_until_usable().await.unwrap();
}

#[tokio::test]
async fn several_places_at_once_apply_each_migration_once() {
    let url = empty_database().await;
    let places: Vec<_> = (0..6).map(|_| open(&url, 1)).collect();
    let applied = futures_util::future::join_all(places.iter().map(|place| place.migrate())).await;
    let applied: usize = applied.into_iter().map(|applied| applied.unwrap().len()).sum();
    assert_eq!(applied, usize::try_from(SchemaState::NEEDED).unwrap());
    for place in &places {
        assert_eq!(place.schema_state().await.unwrap(), SchemaState::Current);
    }
}

#[tokio::test]
async fn a_newer_schema_is_not_touched() {
    let (database, sql) = migrated().await;
    let found = SchemaState::NEEDED + 1;
    sql.execute(
        "INSERT INTO schema_migrations (version, name) VALUES ($1, 'from the future')",
        &[&found],
    )
    .await
    .unwrap();
    assert_eq!(database.schema_state().await.unwrap(), SchemaState::Newer { found });
    assert!(matches!(
        database.wait_until_usable().await,
        Err(SchemaError::Newer { .. })
    ));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let url = empty_database().await;
    let sql = connect(&url).await;
    // Conflicts with a table that the first migration creates after others.
    sql.batch_execute("CREATE TABLE deliveries (mine text)").await.unwrap();
    let database = open(&url, 1);
    database.migrate().await.unwrap_err();
    assert_eq!(database.schema_state().await.unwrap(), SchemaState::Older { found: 0 });
    let row = sql
        .query_one("SELECT to_regclass('webhooks') IS NULL", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    sql.batch_execute("DROP TABLE deliveries").await.unwrap();
    database.migrate().await.unwrap();
}

#[tokio::test]
async fn partitions_reach_a_week_ahead() {
    let (database, sql) = migrated().await;
    let row = sql.query_one(
        "SELECT (now() AT TIME ZONE 'UTC')::date + $1::int",
        &[&store::PARTITIONS_AHEAD],
    );
    let last: jiff::civil::Date = row.await.unwrap().get(0);
    assert_eq!(database.newest_partition().await.unwrap(), Some(last));
    let (left, right) = tokio::join!(database.create_partitions_ahead(), database.create_partitions_ahead());
    left.and(right).unwrap();
}

#[tokio::test]
async fn secrets_of_another_key_stop_the_start() {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    webhook(&database, "acme", "ERP Sync").await;
    database.wait_until_usable().await.unwrap();
    assert!(matches!(
        open(&url, 2).wait_until_usable().await,
        Err(SchemaError::KeyMissing)
    ));
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused_by_name() {
    let url = empty_database().await;
    let sql = connect(&url).await;
    let (server, name) = url.rsplit_once('/').unwrap();
    let latin = format!("{name}_latin1");
    let create = format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    sql.batch_execute(&create).await.unwrap();
    let database = open(&format!("{server}/{latin}"), 1);
    let error = database.migrate().await.unwrap_err().to_string();
    assert!(error.contains("LATIN1") && error.contains("UTF8 is needed"), "{error}");
    assert!(database.wait_until_usable().await.is_err());
}

#[tokio::test]
async fn a_migration_that_waits_for_a_backup_stops_nobody_else() {
    let url = empty_database().await;
    let database = open(&url, 1);
    database.migrate().await.unwrap();
    let (mut backup, other) = (connect(&url).await, connect(&url).await);
    let undo = "DELETE FROM schema_migrations WHERE version = 8;
        ALTER TABLE deliveries DROP COLUMN deferred_since; ALTER TABLE releases DROP COLUMN throttled_at;
        ALTER TABLE webhooks DROP COLUMN failing_since; DROP TABLE release_signals";
    other.batch_execute(undo).await.unwrap();
    let dump = backup.transaction().await.unwrap();
    dump.batch_execute("LOCK TABLE deliveries IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let migrating = tokio::spawn(async move { database.migrate().await });
    let waits = async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'deliveries'::regclass";
        other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0
    };
    testkit::wait::until(Duration::from_secs(30), "the migration to wait", waits)
        .await
        .unwrap();
    let reading = other.query("SELECT FROM deliveries", &[]);
    tokio::time::timeout(Duration::from_secs(15), reading)
        .await
        .expect("others are served")
        .unwrap();
    dump.rollback().await.unwrap();
    assert_eq!(migrating.await.unwrap().unwrap(), ["deferred_deliveries"]);
}
