//! The trail is written with what it tells of, or neither is.

use domain::{AuditAction, ReleasePace, SigningSecret, WebhookId};
use jiff::{Timestamp, ToSpan};
use store::Database;
use store::recover::Retry;
use store::webhooks::{Edit, EditOutcome};

use crate::fixture::{AUTO_PAUSE, account, admin, attempt, migrated, new_webhook, now, retrying, url, webhook};

/// From now on the trail takes nothing.
const BREAK_THE_TRAIL: &str = "ALTER TABLE audit_entries ADD CONSTRAINT broken CHECK (at < '2000-01-01') NOT VALID";

async fn trail(database: &Database, id: WebhookId) -> Vec<(AuditAction, String)> {
    let entries = database.audit_entries(&account("acme"), id, None, 100).await.unwrap();
    assert!(entries.iter().all(|entry| entry.by == admin("acme").who));
    entries.into_iter().rev().map(|entry| (entry.action, entry.detail)).collect()
}

/// A delivery that has failed for good.
async fn failed(database: &Database, id: WebhookId) -> domain::DeliveryId {
    let record = retrying(id, "evt-1", now());
    let record = store::outcomes::DeliveryRecord {
        state: domain::DeliveryState::Failed,
        next_attempt_at: None,
        attempt: Some(attempt(domain::Outcome::Http4xx, Some(400), record.created_at)),
        ..record
    };
    let delivery = record.delivery;
    database.record(&[record], AUTO_PAUSE).await.unwrap();
    delivery
}

#[tokio::test]
async fn every_change_is_written_down_and_nothing_that_changed_nothing() {
    let (database, _sql) = migrated().await;
    let (by, pace) = (admin("acme"), ReleasePace::new(50.0));
    let new = new_webhook("ERP Sync");
    let id = database.create_webhook(&by, &new, 9).await.unwrap().unwrap().id;
    database.create_webhook_as(&by, id, &new, 9).await.unwrap().unwrap();
    let edit = Edit { name: Some("Ledger".to_owned()), url: Some(url("https://a.example.com/")), ..Edit::default() };
    database.edit_webhook(&by, id, &edit, Some(1)).await.unwrap();
    assert_eq!(database.edit_webhook(&by, id, &edit, Some(1)).await.unwrap(), EditOutcome::Stale);
    for _ in 0..2 {
        database.pause_webhook(&by, id).await.unwrap().unwrap();
    }
    for _ in 0..2 {
        database.resume_webhook(&by, id, pace).await.unwrap().unwrap();
    }
    database.rotate_secret(&by, id, &SigningSecret::generate()).await.unwrap().unwrap();
    let delivery = failed(&database, id).await;
    let (since, until) = (now() - 1.hour(), now() + 1.hour());
    for _ in 0..2 {
        database.recover(&by, id, since, until).await.unwrap();
    }
    for _ in 0..2 {
        database.retry_delivery(&by, delivery).await.unwrap();
    }
    database.delete_webhook(&by, id, Some(7)).await.unwrap();
    database.delete_webhook(&by, id, None).await.unwrap();
    let expected = [
        (AuditAction::Created, String::new()),
        (AuditAction::Edited, "name, URL".to_owned()),
        (AuditAction::Paused, String::new()),
        (AuditAction::Resumed, String::new()),
        (AuditAction::SecretRotated, String::new()),
        (AuditAction::Recovered, format!("1 from {since} to {until}")),
        (AuditAction::Retried, delivery.to_string()),
        (AuditAction::Deleted, String::new()),
    ];
    assert_eq!(trail(&database, id).await, expected);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let (database, sql) = migrated().await;
    let (by, pace) = (admin("acme"), ReleasePace::new(50.0));
    let id = webhook(&database, "acme", "ERP Sync").await;
    let paused = webhook(&database, "acme", "Ledger").await;
    database.pause_webhook(&by, paused).await.unwrap().unwrap();
    let delivery = failed(&database, id).await;
    let secret = database.current_secret(&by.account, id).await.unwrap().unwrap();
    sql.batch_execute(BREAK_THE_TRAIL).await.unwrap();

    let edit = Edit { name: Some("Taken over".to_owned()), ..Edit::default() };
    assert!(database.create_webhook(&by, &new_webhook("Another"), 9).await.is_err());
    assert!(database.edit_webhook(&by, id, &edit, None).await.is_err());
    assert!(database.pause_webhook(&by, id).await.is_err());
    assert!(database.resume_webhook(&by, paused, pace).await.is_err());
    assert!(database.rotate_secret(&by, id, &SigningSecret::generate()).await.is_err());
    assert!(database.retry_delivery(&by, delivery).await.is_err());
    assert!(database.recover(&by, id, Timestamp::UNIX_EPOCH, now() + 1.hour()).await.is_err());
    assert!(database.delete_webhook(&by, id, None).await.is_err());

    let all = database.webhooks(&by.account, None, 10).await.unwrap();
    let named: Vec<_> = all.iter().map(|webhook| (webhook.name.as_str(), webhook.paused_at.is_some())).collect();
    assert_eq!(named, [("ERP Sync", false), ("Ledger", true)]);
    assert_eq!(database.current_secret(&by.account, id).await.unwrap().unwrap().expose(), secret.expose());
    assert!(database.recovery_progress(&by.account, id).await.unwrap().is_none());
    sql.batch_execute("ALTER TABLE audit_entries DROP CONSTRAINT broken").await.unwrap();
    assert!(matches!(database.retry_delivery(&by, delivery).await.unwrap(), Retry::Accepted(_)), "it is still failed");
}
