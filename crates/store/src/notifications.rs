//! What administrators are told: written with what caused it, read in the console, published by the relay.

use deadpool_postgres::Transaction;
use domain::{AccountName, NotificationKind, WebhookId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// A notification to be written.
pub(crate) struct NewNotification<'a> {
    pub(crate) account: &'a str,
    pub(crate) webhook: WebhookId,
    pub(crate) kind: NotificationKind,
    pub(crate) message: String,
}

/// A notification as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: Uuid,
    /// Tenant whose administrators are told.
    pub account: AccountName,
    /// The webhook it is about; it may be gone by now.
    pub webhook: WebhookId,
    /// What it is about.
    pub kind: NotificationKind,
    /// The sentence.
    pub message: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// When somebody marked it as read.
    pub read_at: Option<Timestamp>,
}

/// Timed when it is written, under the lock of its webhook, and not when the transaction began to wait for that lock.
const ADD: &str = "INSERT INTO notifications (id, account, webhook_id, kind, message, created_at)
    VALUES ($1, $2, $3, $4, $5, clock_timestamp())";

const PAGE: &str = "SELECT id, account, webhook_id, kind, message, created_at, read_at FROM notifications
    WHERE account = $1 AND ($2::bool IS NULL OR (read_at IS NULL) = $2)
        AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
    ORDER BY created_at DESC, id DESC LIMIT $5";

const UNREAD: &str = "SELECT count(*) FROM notifications WHERE account = $1 AND read_at IS NULL";

const READ: &str = "UPDATE notifications SET read_at = coalesce(read_at, now()) WHERE account = $1 AND id = $2
    RETURNING id, account, webhook_id, kind, message, created_at, read_at";

const READ_ALL: &str = "UPDATE notifications SET read_at = now() WHERE account = $1 AND read_at IS NULL";

const CLAIM_UNPUBLISHED: &str = "SELECT id, account, webhook_id, kind, message, created_at, read_at FROM notifications
    WHERE published_at IS NULL ORDER BY created_at, id LIMIT $1 FOR UPDATE SKIP LOCKED";

const PUBLISHED: &str = "UPDATE notifications SET published_at = now() WHERE id = ANY($1)";

pub(crate) async fn add_notifications(
    transaction: &Transaction<'_>,
    notifications: &[NewNotification<'_>],
) -> Result<(), StoreError> {
    for new in notifications {
        let (id, kind) = (Uuid::now_v7(), new.kind.as_str());
        transaction.execute(ADD, &[&id, &new.account, &new.webhook.0, &kind, &new.message]).await?;
    }
    Ok(())
}

impl Database {
    /// The account's notifications, newest first, at most `limit`, from the one after `after`; with `unread`, only
    /// those that were not read, or only those that were.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn notifications(
        &self,
        account: &AccountName,
        unread: Option<bool>,
        after: Option<(Timestamp, Uuid)>,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        let (at, id) = after.unzip();
        let connection = self.connection().await?;
        let rows = connection.query(PAGE, &[&account.as_str(), &unread, &at, &id, &limit]).await?;
        rows.iter().map(notification).collect()
    }

    /// How many of the account's notifications nobody has read.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn unread_notifications(&self, account: &AccountName) -> Result<i64, StoreError> {
        Ok(self.connection().await?.query_one(UNREAD, &[&account.as_str()]).await?.get(0))
    }

    /// Marks one of the account's notifications as read; `None` when it has no such.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn read_notification(&self, account: &AccountName, id: Uuid) -> Result<Option<Notification>, StoreError> {
        let row = self.connection().await?.query_opt(READ, &[&account.as_str(), &id]).await?;
        row.as_ref().map(notification).transpose()
    }

    /// Marks all of the account's notifications as read; returns how many were not.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn read_all_notifications(&self, account: &AccountName) -> Result<u64, StoreError> {
        Ok(self.connection().await?.execute(READ_ALL, &[&account.as_str()]).await?)
    }

    /// Hands notifications that the broker does not have to `publish`, at most `limit`, oldest first, and marks them
    /// when it returns true. Returns how many there were. Several processes share the work: each skips what another has
    /// locked.
    ///
    /// # Errors
    /// When the database is away or refuses; what was published is then published again.
    pub async fn publish_notifications<F>(
        &self,
        limit: i64,
        publish: impl FnOnce(Vec<Notification>) -> F,
    ) -> Result<usize, StoreError>
    where
        F: Future<Output = bool>,
    {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let rows = transaction.query(CLAIM_UNPUBLISHED, &[&limit]).await?;
        let unpublished = rows.iter().map(notification).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<Uuid> = unpublished.iter().map(|notification| notification.id).collect();
        if !unpublished.is_empty() && publish(unpublished).await {
            transaction.execute(PUBLISHED, &[&ids]).await?;
            transaction.commit().await?;
        }
        Ok(ids.len())
    }
}

pub(crate) fn notification(row: &Row) -> Result<Notification, StoreError> {
    Ok(Notification {
        id: row.get("id"),
        account: row.get::<_, &str>("account").parse().map_err(|_| StoreError::UnknownValue("account"))?,
        webhook: WebhookId(row.get("webhook_id")),
        kind: row.get::<_, &str>("kind").parse().map_err(|_| StoreError::UnknownValue("kind"))?,
        message: row.get("message"),
        created_at: row.get("created_at"),
        read_at: row.get("read_at"),
    })
}
