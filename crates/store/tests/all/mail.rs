//! Claiming notifications to be mailed.

use std::time::Duration;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::fixture::{migrated, webhook};

/// Everything claimed may be claimed again.
const LEASES_END: &str = "UPDATE notifications SET mail_next_at = now()";

async fn notify(sql: &Client, account: &str, webhook: Uuid, minutes_ago: i32) {
    let add = "INSERT INTO notifications (id, account, webhook_id, kind, message, created_at)
        VALUES (gen_random_uuid(), $1, $2, 'webhook.auto_paused', 'm', now() - make_interval(mins => $3))";
    sql.execute(add, &[&account, &webhook, &minutes_ago]).await.unwrap();
}

#[tokio::test]
async fn a_notification_is_claimed_by_one_at_a_time_until_it_is_mailed() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    notify(&sql, "acme", webhook.0, 0).await;
    let held = "INSERT INTO held_counts VALUES ($1, 3), ($1, -1)";
    sql.execute(held, &[&webhook.0]).await.unwrap();

    let first = database.claim_mail().await.unwrap().unwrap();
    let shown = first.webhook.as_ref().map(|webhook| (webhook.name.as_str(), webhook.held));
    assert_eq!((shown, first.tries), (Some(("ERP Sync", 2)), 1));
    assert!(database.claim_mail().await.unwrap().is_none());

    database.mail_later(&first, Duration::ZERO).await.unwrap();
    let second = database.claim_mail().await.unwrap().unwrap();
    assert_eq!((second.notification.id, second.tries), (first.notification.id, 2));
    // Whoever was too slow has lost the claim.
    database.mail_later(&first, Duration::ZERO).await.unwrap();
    assert!(database.claim_mail().await.unwrap().is_none());

    database.mail_done(&second).await.unwrap();
    sql.batch_execute(LEASES_END).await.unwrap();
    assert!(database.claim_mail().await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_older_than_a_day_is_not_mailed() {
    let (database, sql) = migrated().await;
    notify(&sql, "acme", Uuid::now_v7(), 24 * 60 + 1).await;
    assert!(database.claim_mail().await.unwrap().is_none());
    notify(&sql, "acme", Uuid::now_v7(), 24 * 60 - 1).await;
    assert!(database.claim_mail().await.unwrap().is_some_and(|mail| mail.webhook.is_none()));
}

#[tokio::test]
async fn a_mail_tells_nothing_of_another_accounts_webhook() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    notify(&sql, "globex", webhook.0, 0).await;
    assert!(database.claim_mail().await.unwrap().is_some_and(|mail| mail.webhook.is_none()));
}
