//! Notifications about held deliveries that the retention deletes: before, and when it does.

use domain::{AccountName, NotificationKind, WebhookId};
use jiff::civil::Date;
use jiff::{ToSpan, tz::TimeZone};
use tokio_postgres::Row;

use crate::connection::{Connection, Transaction};
use crate::database::Database;
use crate::error::StoreError;
use crate::horizon::Horizon;
use crate::notifications::{NewNotification, add_notifications};
use crate::partitions::day_of;

/// How many days before the first held delivery of a webhook expires its administrators are notified.
pub const NOTICE_DAYS: i32 = 3;

/// Held until the transaction ends, so that no two processes write the same notification.
const LOCK: &str = "/* held_expiry.lock */ SELECT pg_advisory_xact_lock(hashtext('easycrm webhooks held expiry'))";

/// Those that were notified of in the last `$3` hours are left out.
const FIND: &str = "/* held_expiry.find */
    SELECT w.id, w.account, w.name, held.deliveries, held.first_on FROM webhooks w
        CROSS JOIN LATERAL (
            SELECT count(*) AS deliveries, min(d.created_on) AS first_on FROM waiting_deliveries d
            WHERE d.webhook_id = w.id AND d.held AND d.created_at < $1) AS held
    WHERE w.paused_reason IS NOT NULL AND held.deliveries > 0
        AND NOT EXISTS (SELECT FROM notifications n
            WHERE n.webhook_id = w.id AND n.kind = $2 AND n.created_at > now() - make_interval(hours => $3))";

/// Of deliveries about to expire administrators are notified once a day.
const ONCE_A_DAY: i32 = 23;
/// What has expired is deleted at once, and so found once.
const EVERY_TIME: i32 = 0;

/// A paused webhook with held deliveries of the first days.
struct Found {
    webhook: WebhookId,
    account: AccountName,
    name: String,
    deliveries: i64,
    first_on: Date,
}

impl Database {
    /// Notifies the administrators of each paused webhook whose held deliveries begin to expire within [`NOTICE_DAYS`], once a day.
    /// `days` is the retention. The number of notifications.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn notify_held_expiring(&self, days: u16) -> Result<usize, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let now = self.clock().now();
        let today = day_of(now);
        let first_day = Horizon::new(now, days).first_day();
        let Some(soon) = first_day.checked_add(NOTICE_DAYS.days()).ok() else {
            return Ok(0);
        };
        let found = find(&transaction, soon, NotificationKind::HeldExpiring, ONCE_A_DAY).await?;
        let text = |found: &Found| {
            // The day is deleted as a whole, when the retention has passed its end.
            let kept = (i32::from(days) + 1).days();
            let on = found.first_on.checked_add(kept).unwrap_or(today).max(today);
            NotificationKind::held_expiring(&found.name, found.deliveries, on)
        };
        notify(&transaction, &found, NotificationKind::HeldExpiring, text).await?;
        transaction.commit().await?;
        Ok(found.len())
    }
}

/// Notifies the administrators of each paused webhook with held deliveries of days before `first_day`, which are about to be deleted.
pub(crate) async fn notify_held_expired(client: &mut Connection, first_day: Date) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    let found = find(&transaction, first_day, NotificationKind::HeldExpired, EVERY_TIME).await?;
    let text = |found: &Found| NotificationKind::held_expired(&found.name, found.deliveries);
    notify(&transaction, &found, NotificationKind::HeldExpired, text).await?;
    transaction.commit().await
}

async fn find(
    transaction: &Transaction<'_>,
    before: Date,
    kind: NotificationKind,
    not_within_hours: i32,
) -> Result<Vec<Found>, StoreError> {
    transaction.execute(LOCK, &[]).await?;
    let Ok(before) = before.to_zoned(TimeZone::UTC) else {
        return Ok(Vec::new());
    };
    let kind: &str = kind.into();
    let rows = transaction
        .query(FIND, &[&before.timestamp(), &kind, &not_within_hours])
        .await?;
    rows.iter().map(found).collect()
}

fn found(row: &Row) -> Result<Found, StoreError> {
    let account: &str = row.get("account");
    Ok(Found {
        webhook: WebhookId(row.get("id")),
        account: account.parse().map_err(|_| StoreError::UnknownValue("account"))?,
        name: row.get("name"),
        deliveries: row.get("deliveries"),
        first_on: row.get("first_on"),
    })
}

async fn notify(
    transaction: &Transaction<'_>,
    found: &[Found],
    kind: NotificationKind,
    text: impl Fn(&Found) -> String,
) -> Result<(), StoreError> {
    let new: Vec<_> = found
        .iter()
        .map(|found| NewNotification {
            account: found.account.as_str(),
            webhook: found.webhook,
            kind,
            message: text(found),
        })
        .collect();
    add_notifications(transaction, &new).await
}
