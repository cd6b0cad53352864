//! Bringing the schema up.

use store::{SchemaError, SchemaState};

use crate::fixture::{connect, empty_database, migrated, open, webhook};

#[tokio::test]
async fn an_empty_database_is_brought_up_once() {
    let database = open(&empty_database().await, 1);
    assert_eq!(database.schema_state().await.unwrap(), SchemaState::Older { found: 0 });
    assert!(matches!(database.require_schema().await, Err(SchemaError::Older { found: 0, .. })));
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
    sql.execute("INSERT INTO schema_migrations (version, name) VALUES ($1, 'from the future')", &[&found])
        .await
        .unwrap();
    assert_eq!(database.schema_state().await.unwrap(), SchemaState::Newer { found });
    assert!(matches!(database.wait_until_usable().await, Err(SchemaError::Newer { .. })));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let url = empty_database().await;
    let sql = connect(&url).await;
    // In the way of a table that the first migration makes after others.
    sql.batch_execute("CREATE TABLE deliveries (mine text)").await.unwrap();
    let database = open(&url, 1);
    database.migrate().await.unwrap_err();
    assert_eq!(database.schema_state().await.unwrap(), SchemaState::Older { found: 0 });
    let row = sql.query_one("SELECT to_regclass('webhooks') IS NULL", &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
    sql.batch_execute("DROP TABLE deliveries").await.unwrap();
    database.migrate().await.unwrap();
}

#[tokio::test]
async fn partitions_reach_a_week_ahead() {
    let (database, sql) = migrated().await;
    let row = sql.query_one("SELECT (now() AT TIME ZONE 'UTC')::date + $1::int", &[&(store::PARTITIONS_AHEAD as i32)]);
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
    assert!(matches!(open(&url, 2).wait_until_usable().await, Err(SchemaError::KeyMissing)));
}
