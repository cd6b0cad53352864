//! Which connections are reused, on a real server.

use std::time::{Duration, Instant};

use rustls::RootCertStore;
use tokio::time::timeout;

use crate::database::Database;
use crate::secret_keys::{SecretKey, SecretKeys};

/// Much shorter than a statement of these tests, much longer than a response takes.
const PATIENCE: Duration = Duration::from_secs(2);

async fn database() -> Database {
    let url = testkit::shared_stack().await.create_database().await.unwrap();
    let keys = SecretKeys::new(SecretKey::new(&[1; 32]), Vec::new());
    Database::new(&url.parse().unwrap(), 3, RootCertStore::empty(), keys)
}

async fn process(connection: &super::Connection) -> i32 {
    connection
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0)
}

async fn next_process(database: &Database) -> i32 {
    process(&database.connection().await.unwrap()).await
}

#[tokio::test]
async fn silence_ends_the_connection_and_the_idle_ones_beside_it() {
    let database = database().await;
    let mut silent = database.connection().await.unwrap();
    let idle = database.connection().await.unwrap();
    let processes = [process(&silent).await, process(&idle).await];
    drop(idle);
    silent.patience = Some(PATIENCE);
    let begun = Instant::now();
    let error = silent.execute("SELECT pg_sleep(20)", &[]).await.unwrap_err();
    assert!(error.is_unavailable() && !error.is_timeout(), "{error:?}");
    assert!(begun.elapsed() < 3 * PATIENCE, "{:?}", begun.elapsed());
    drop(silent);
    assert!(!processes.contains(&next_process(&database).await));
}

#[tokio::test]
async fn a_row_that_does_not_come_is_silence_too() {
    let database = database().await;
    let mut connection = database.connection().await.unwrap();
    connection.patience = Some(PATIENCE);
    // More than the server buffers before it sends anything.
    let statement = "SELECT repeat('x', 9000), CASE WHEN n > 3 THEN pg_sleep(20) END FROM generate_series(1, 9) AS n";
    let mut rows = 0;
    let error = connection.for_each_row(statement, &[], |_| {
        rows += 1;
        Ok(())
    });
    assert!(error.await.unwrap_err().is_unavailable());
    assert!(rows > 0);
}

#[tokio::test]
async fn an_answer_that_nobody_waited_for_spoils_the_connection() {
    let database = database().await;
    let connection = database.connection().await.unwrap();
    let before = process(&connection).await;
    timeout(
        Duration::from_millis(100),
        connection.execute("SELECT pg_sleep(20)", &[]),
    )
    .await
    .unwrap_err();
    drop(connection);
    assert_ne!(next_process(&database).await, before);
}

#[tokio::test]
async fn a_refusal_for_what_was_given_spoils_nothing() {
    let database = database().await;
    let before = next_process(&database).await;
    for refused in [
        "SELECT 1 / 0",
        "SELECT 'x'::int",
        "SET statement_timeout = 50; SELECT pg_sleep(20)",
    ] {
        database
            .connection()
            .await
            .unwrap()
            .batch_execute(refused)
            .await
            .unwrap_err();
        assert_eq!(next_process(&database).await, before, "{refused}");
    }
}

#[tokio::test]
async fn a_refusal_for_what_the_session_is_ends_it() {
    let database = database().await;
    let idle = [
        database.connection().await.unwrap(),
        database.connection().await.unwrap(),
    ];
    let known = [process(&idle[0]).await, process(&idle[1]).await];
    drop(idle);
    let connection = database.connection().await.unwrap();
    connection
        .batch_execute("SET default_transaction_read_only = on")
        .await
        .unwrap();
    assert!(
        connection
            .batch_execute("CREATE TABLE t (x int)")
            .await
            .unwrap_err()
            .is_unavailable()
    );
    drop(connection);
    assert!(
        !known.contains(&next_process(&database).await),
        "what else is idle leads to the same server"
    );

    let connection = database.connection().await.unwrap();
    let before = process(&connection).await;
    connection
        .execute("SELECT pg_terminate_backend(pg_backend_pid())", &[])
        .await
        .unwrap_err();
    drop(connection);
    assert_ne!(next_process(&database).await, before);
}

#[tokio::test]
async fn a_transaction_that_is_not_committed_is_rolled_back_at_once() {
    let database = database().await;
    let mut connection = database.connection().await.unwrap();
    let before = process(&connection).await;
    connection.batch_execute("CREATE TABLE t (x int)").await.unwrap();
    let transaction = connection.transaction().await.unwrap();
    transaction.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    drop(transaction);
    let rows = connection.query("SELECT FROM t", &[]).await.unwrap();
    assert!(rows.is_empty());
    let transaction = connection.transaction().await.unwrap();
    transaction.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    transaction.commit().await.unwrap();
    drop(connection);
    let connection = database.connection().await.unwrap();
    assert_eq!(connection.query("SELECT FROM t", &[]).await.unwrap().len(), 1);
    assert_eq!(process(&connection).await, before);
}

#[tokio::test]
async fn sessions_have_limits_of_their_own_on_the_server() {
    let database = database().await;
    let setting = async |database: &Database, name: &str| {
        let connection = database.connection().await.unwrap();
        connection.ask(&format!("SHOW {name}")).await.unwrap().unwrap()
    };
    for (name, work, requests) in [
        ("statement_timeout", "30s", "15s"),
        ("lock_timeout", "5s", "5s"),
        ("idle_in_transaction_session_timeout", "15s", "15s"),
        ("tcp_keepalives_idle", "10", "10"),
        ("tcp_keepalives_interval", "5", "5"),
        ("tcp_keepalives_count", "3", "3"),
        ("tcp_user_timeout", "20000", "20000"),
    ] {
        assert_eq!(setting(&database, name).await, work, "{name}");
        assert_eq!(setting(&database.for_requests(), name).await, requests, "{name}");
    }
}
