//! Notifications to administrators: written with their cause, read in the console, published by the relay.

use domain::{AccountName, NotificationKind, WebhookId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::connection::Transaction;
use crate::database::Database;
use crate::error::StoreError;

/// A notification to be inserted.
pub(crate) struct NewNotification<'a> {
    pub(crate) account: &'a str,
    pub(crate) webhook: WebhookId,
    pub(crate) kind: NotificationKind,
    pub(crate) message: String,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: Uuid,
    /// Tenant whose administrators are notified.
    pub account: AccountName,
    /// The webhook it is about, possibly deleted meanwhile.
    pub webhook: WebhookId,
    /// What it is about.
    pub kind: NotificationKind,
    /// The text.
    pub message: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// When an administrator marked it as read.
    pub read_at: Option<Timestamp>,
}

/// Its time is that of the insert, under the lock of its webhook, and not that of the transaction's start.
const ADD: &str = "/* notifications.add */
    INSERT INTO notifications (id, account, webhook_id, kind, message, created_at)
    VALUES ($1, $2, $3, $4, $5, clock_timestamp())";

const PAGE: &str = "/* notifications.page */
    SELECT id, account, webhook_id, kind, message, created_at, read_at FROM notifications
    WHERE account = $1 AND kind = ANY ($6) AND NOT superseded AND ($2::bool IS NULL OR (read_at IS NULL) = $2)
        AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
    ORDER BY created_at DESC, id DESC LIMIT $5";

const UNREAD: &str = "/* notifications.unread */
    SELECT count(*) FROM notifications WHERE account = $1 AND kind = ANY ($2) AND read_at IS NULL AND NOT superseded";

const READ: &str = "/* notifications.read */
    UPDATE notifications SET read_at = coalesce(read_at, now()) WHERE account = $1 AND id = $2 AND kind = ANY ($3)
    RETURNING id, account, webhook_id, kind, message, created_at, read_at";

const READ_ALL: &str = "/* notifications.read_all */
    UPDATE notifications SET read_at = now() WHERE account = $1 AND read_at IS NULL";

/// For a row `n`: its webhook fails and recovers in turns (flaps), and had four notifications within the hour. Further
/// ones wait until the first of these is an hour old. A pause is always notified: it happens once, until the webhook is
/// resumed.
macro_rules! is_held_back {
    () => {
        "n.kind <> 'webhook.auto_paused' AND (SELECT count(*) FROM notifications earlier
            WHERE earlier.webhook_id = n.webhook_id AND NOT earlier.superseded
                AND earlier.created_at > now() - interval '1 hour'
                AND (earlier.created_at, earlier.id) < (n.created_at, n.id)) >= 4"
    };
}

const CLAIM_UNPUBLISHED: &str = concat!(
    "/* notifications.claim_unpublished */
    SELECT id, account, webhook_id, kind, message, created_at, read_at FROM notifications n
    WHERE published_at IS NULL AND kind = ANY ($2) AND NOT superseded AND NOT (",
    is_held_back!(),
    ") ORDER BY created_at, id LIMIT $1 FOR UPDATE SKIP LOCKED"
);

/// Of those held back, the newest shows the current state; the others are outdated. They are not published; a mail
/// still counts them.
const SUPERSEDE: &str = concat!(
    "/* notifications.supersede */ UPDATE notifications n SET superseded = true, published_at = now()
    WHERE published_at IS NULL AND NOT superseded AND ",
    is_held_back!(),
    " AND EXISTS (SELECT FROM notifications newer WHERE newer.webhook_id = n.webhook_id
        AND (newer.created_at, newer.id) > (n.created_at, n.id))"
);

const PUBLISHED: &str = "/* notifications.published */
    UPDATE notifications SET published_at = now() WHERE id = ANY($1)";

pub(crate) async fn add_notifications(
    transaction: &Transaction<'_>,
    notifications: &[NewNotification<'_>],
) -> Result<(), StoreError> {
    for new in notifications {
        let id = Uuid::now_v7();
        let kind: &str = new.kind.into();
        transaction
            .execute(ADD, &[&id, &new.account, &new.webhook.0, &kind, &new.message])
            .await?;
    }
    Ok(())
}

impl Database {
    /// The account's notifications, newest first, at most `limit`, from the one after `after`; `unread` filters by read
    /// or unread.
    pub async fn notifications(
        &self,
        account: &AccountName,
        unread: Option<bool>,
        after: Option<(Timestamp, Uuid)>,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        let (at, id) = after.unzip();
        let connection = self.connection().await?;
        let rows = connection
            .query(
                PAGE,
                &[&account.as_str(), &unread, &at, &id, &limit, &NotificationKind::names()],
            )
            .await?;
        rows.iter().map(notification).collect()
    }

    /// The number of the account's unread notifications.
    pub async fn unread_notifications(&self, account: &AccountName) -> Result<i64, StoreError> {
        Ok(self
            .connection()
            .await?
            .query_one(UNREAD, &[&account.as_str(), &NotificationKind::names()])
            .await?
            .get(0))
    }

    /// Marks one of the account's notifications as read; `None` when it does not exist.
    pub async fn read_notification(&self, account: &AccountName, id: Uuid) -> Result<Option<Notification>, StoreError> {
        let row = self
            .connection()
            .await?
            .query_opt(READ, &[&account.as_str(), &id, &NotificationKind::names()])
            .await?;
        row.as_ref().map(notification).transpose()
    }

    /// Marks all of the account's notifications as read; returns how many were unread.
    pub async fn read_all_notifications(&self, account: &AccountName) -> Result<u64, StoreError> {
        self.connection().await?.execute(READ_ALL, &[&account.as_str()]).await
    }

    /// Of the notifications of a flapping webhook, keeps only the current ones. Returns how many were superseded.
    pub async fn supersede_notifications(&self) -> Result<u64, StoreError> {
        self.connection().await?.execute(SUPERSEDE, &[]).await
    }

    /// Passes unpublished notifications to `publish`, at most `limit`, oldest first, and marks those that it returns.
    /// Returns their number. Several processes share the work: each skips rows locked by another.
    ///
    /// # Errors
    /// Published ones are then published again.
    pub async fn publish_notifications<F>(
        &self,
        limit: i64,
        publish: impl FnOnce(Vec<Notification>) -> F,
    ) -> Result<usize, StoreError>
    where
        F: Future<Output = Vec<Uuid>>,
    {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let rows = transaction
            .query(CLAIM_UNPUBLISHED, &[&limit, &NotificationKind::names()])
            .await?;
        let unpublished = rows.iter().map(notification).collect::<Result<Vec<_>, _>>()?;
        if unpublished.is_empty() {
            return Ok(0);
        }
        let published = publish(unpublished).await;
        if !published.is_empty() {
            transaction.execute(PUBLISHED, &[&published]).await?;
            transaction.commit().await?;
        }
        Ok(published.len())
    }
}

pub(crate) fn notification(row: &Row) -> Result<Notification, StoreError> {
    Ok(Notification {
        id: row.get("id"),
        account: row
            .get::<_, &str>("account")
            .parse()
            .map_err(|_| StoreError::UnknownValue("account"))?,
        webhook: WebhookId(row.get("webhook_id")),
        kind: row
            .get::<_, &str>("kind")
            .parse()
            .map_err(|_| StoreError::UnknownValue("kind"))?,
        message: row.get("message"),
        created_at: row.get("created_at"),
        read_at: row.get("read_at"),
    })
}
