//! A database that is unavailable or misconfigured: records are kept and tried again.

use std::time::Duration;

use domain::WebhookId;
use store::SchemaError;
use store::changes::{Change, listen};
use testkit::servers::PrivatePostgres;
use testkit::wait::until;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::fixture::{AUTO_PAUSE, account, connect, migrated, now, open, retrying};

const WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn requests_that_the_database_keeps_waiting_keep_nobody_else_waiting() {
    let (database, mut sql) = migrated().await;
    let locks = sql.transaction().await.unwrap();
    locks.batch_execute("LOCK TABLE webhooks").await.unwrap();
    let requests = database.for_requests();
    let acme = account("acme");
    let stuck = futures_util::future::join_all((0..8).map(|_| requests.webhook_exists(&acme, WebhookId::generate())));
    let meanwhile = async {
        let all_in_use = async || requests.bearer("x").await.is_err();
        until(WITHIN, "no connection left for another request", all_in_use)
            .await
            .unwrap();
        let delivery = retrying(WebhookId::generate(), "evt", now()).delivery.id;
        timeout(Duration::from_secs(4), database.known_delivery(delivery, None))
            .await
            .unwrap()
            .unwrap()
    };
    let (stuck, known) = timeout(2 * WITHIN, async { tokio::join!(stuck, meanwhile) })
        .await
        .unwrap();
    assert_eq!(known, None);
    assert!(
        stuck
            .iter()
            .all(|answer| answer.as_ref().is_err_and(store::StoreError::is_unavailable)),
        "{stuck:?}"
    );
}

#[tokio::test]
async fn a_stopped_server_is_unavailable_and_comes_back() {
    let mut server = PrivatePostgres::temporary().await.unwrap();
    let database = open(&server.create_database().await.unwrap(), 1);
    database.migrate().await.unwrap();
    let (sender, mut changes) = mpsc::channel(16);
    tokio::spawn(listen(database.clone(), sender));
    assert_eq!(timeout(WITHIN, changes.recv()).await.unwrap(), Some(Change::Everything));
    let record = retrying(WebhookId::generate(), "evt", now());
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();

    server.kill_nine().await.unwrap();
    for _ in 0..3 {
        let error = database
            .record(std::slice::from_ref(&record), AUTO_PAUSE)
            .await
            .unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        assert!(database.bearer("x").await.unwrap_err().is_unavailable());
        assert!(matches!(database.migrate().await, Err(SchemaError::Database(error)) if error.is_unavailable()));
    }
    assert_eq!(timeout(WITHIN, changes.recv()).await.unwrap(), Some(Change::Lost));

    server.start_again().await.unwrap();
    let writes = async || database.record(std::slice::from_ref(&record), AUTO_PAUSE).await.is_ok();
    until(WITHIN, "the database to take records again", writes)
        .await
        .unwrap();
    until(WITHIN, "changes to be heard again", async || {
        changes.recv().await == Some(Change::Everything)
    })
    .await
    .unwrap();
    database.wait_until_usable().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_no_fault_of_the_data() {
    let server = PrivatePostgres::temporary().await.unwrap();
    let url = server.create_database().await.unwrap();
    let (head, host) = url.rsplit_once('@').unwrap();
    let database = open(&format!("{}x@{host}", head), 1);
    let error = database
        .record(&[retrying(WebhookId::generate(), "evt", now())], AUTO_PAUSE)
        .await
        .unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
}

#[tokio::test]
async fn a_missing_table_is_no_fault_of_the_data() {
    let (database, sql) = migrated().await;
    sql.batch_execute("ALTER TABLE attempts RENAME TO attempts_gone")
        .await
        .unwrap();
    let record = retrying(WebhookId::generate(), "evt", now());
    let error = database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    sql.batch_execute("ALTER TABLE attempts_gone RENAME TO attempts")
        .await
        .unwrap();
    database.record(&[record], AUTO_PAUSE).await.unwrap();
}

#[tokio::test]
async fn an_unreachable_address_is_unavailable_without_naming_the_password() {
    let database = open("postgres://webhooks:hunter2@127.0.0.1:1/webhooks", 1);
    let error = database.schema_state().await.unwrap_err();
    assert!(error.is_unavailable() && !format!("{error:?}").contains("hunter2"));
    let url: store::DatabaseUrl = "postgres://webhooks:hunter2@127.0.0.1:1/webhooks".parse().unwrap();
    assert!(!format!("{url:?} {url}").contains("hunter2"));
}

#[tokio::test]
async fn statements_of_the_pool_are_limited_and_options_of_the_url_kept() {
    let stack = testkit::shared_stack().await;
    let url = stack.create_database().await.unwrap();
    let sql = connect(&url).await;
    sql.batch_execute("CREATE SCHEMA elsewhere").await.unwrap();
    let database = open(&format!("{url}?options=-c%20search_path%3Delsewhere"), 1);
    database.migrate().await.unwrap();
    let row = sql
        .query_one("SELECT to_regclass('elsewhere.webhooks') IS NOT NULL", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    assert!(database.newest_partition().await.unwrap().is_some());
}
