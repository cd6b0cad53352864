//! Notifications of changed webhooks.

use std::time::Duration;

use domain::WebhookId;
use store::Database;
use store::changes::{Change, listen};
use store::webhooks::Edit;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::fixture::{account, admin, migrated, webhook};

/// By when every process sees a change.
const PROMISED: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(10);

/// Ends the connections of this database that listen.
const KILL_LISTENERS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'easycrm-webhooks' AND pid <> pg_backend_pid()";

struct Listener(mpsc::Receiver<Change>);

impl Listener {
    /// Listens, and has received `Everything`.
    async fn start(database: &Database) -> Self {
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(listen(database.clone(), sender));
        let mut listener = Self(receiver);
        assert_eq!(listener.next(WITHIN).await, Change::Everything);
        listener
    }

    async fn next(&mut self, within: Duration) -> Change {
        timeout(within, self.0.recv())
            .await
            .expect("the notification of a change arrives in time")
            .unwrap()
    }

    /// Waits for a notification of this webhook, and of nothing else.
    async fn hears_of(&mut self, id: WebhookId) {
        let change = self.next(PROMISED).await;
        assert_eq!(
            change,
            Change::Webhook {
                webhook: id,
                account: account("acme")
            }
        );
    }
}

#[tokio::test]
async fn every_change_that_matters_is_told_within_a_second() {
    let (database, sql) = migrated().await;
    let mut listener = Listener::start(&database).await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    listener.hears_of(id).await;
    let edit = Edit {
        name: Some("Ledger".to_owned()),
        ..Edit::default()
    };
    database.edit_webhook(&admin("acme"), id, &edit, None).await.unwrap();
    listener.hears_of(id).await;
    let pause = "UPDATE webhooks SET paused_reason = 'user', paused_at = now()";
    sql.execute(pause, &[]).await.unwrap();
    listener.hears_of(id).await;
    // Counters are not notified: the next notification is the deletion.
    sql.execute("UPDATE webhooks SET failed_attempts = failed_attempts + 1", &[])
        .await
        .unwrap();
    database.delete_webhook(&admin("acme"), id, None).await.unwrap();
    listener.hears_of(id).await;
    assert!(
        timeout(2 * PROMISED, listener.0.recv()).await.is_err(),
        "nothing more happened"
    );
}

#[tokio::test]
async fn a_killed_connection_comes_back_and_asks_to_read_everything() {
    let (database, sql) = migrated().await;
    // Only the listener's connection shall be there to be killed.
    let mut listener = Listener::start(&database).await;
    for _ in 0..3 {
        sql.query_one(KILL_LISTENERS, &[]).await.unwrap();
        assert_eq!(listener.next(WITHIN).await, Change::Lost);
        loop {
            match listener.next(WITHIN).await {
                Change::Everything => break,
                other => assert_eq!(other, Change::Lost),
            }
        }
    }
    let added =
        "INSERT INTO webhooks (id, account, name, url, event_types) VALUES ($1, 'acme', 'n', 'u', '{deal.won}')";
    let id = WebhookId::generate();
    sql.execute(added, &[&id.0]).await.unwrap();
    listener.hears_of(id).await;
}

#[tokio::test]
async fn a_change_whose_notification_is_lost_is_found_within_a_second() {
    let (database, sql) = migrated().await;
    webhook(&database, "acme", "ERP Sync").await;
    let mut listener = Listener::start(&database).await;
    sql.batch_execute("ALTER TABLE webhooks DISABLE TRIGGER webhook_changed")
        .await
        .unwrap();
    for _ in 0..3 {
        let unheard =
            "BEGIN; UPDATE webhooks SET version = version + 1; SELECT nextval('webhook_change_number'); COMMIT";
        sql.batch_execute(unheard).await.unwrap();
        let begun = Instant::now();
        assert_eq!(
            listener.next(PROMISED).await,
            Change::Everything,
            "after {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn steady_changes_are_each_told_and_never_all_at_once() {
    let (database, _sql) = migrated().await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    let mut listener = Listener::start(&database).await;
    let by = admin("acme");
    // Several at a time, so that there is always a number drawn whose transaction is not committed yet.
    let until = Instant::now() + 6 * PROMISED;
    let change = async || {
        let mut changes = 0;
        while Instant::now() < until {
            let edit = Edit {
                name: Some(changes.to_string()),
                ..Edit::default()
            };
            database.edit_webhook(&by, id, &edit, None).await.unwrap();
            changes += 1;
        }
        changes
    };
    let changing = futures_util::future::join_all((0..3).map(|_| change()));
    let hearing = async {
        let mut told = 0;
        while let Ok(Some(change)) = timeout(PROMISED, listener.0.recv()).await {
            assert_eq!(
                change,
                Change::Webhook {
                    webhook: id,
                    account: account("acme")
                }
            );
            told += 1;
        }
        told
    };
    let (changed, told) = tokio::join!(changing, hearing);
    assert_eq!(told, changed.iter().sum::<usize>());
}

#[tokio::test]
async fn listening_ends_with_its_receiver() {
    let (database, _sql) = migrated().await;
    let (sender, mut receiver) = mpsc::channel(16);
    let listening = tokio::spawn(listen(database, sender));
    assert_eq!(
        timeout(WITHIN, receiver.recv()).await.unwrap(),
        Some(Change::Everything)
    );
    drop(receiver);
    timeout(WITHIN, listening).await.expect("it ends").unwrap();
}
