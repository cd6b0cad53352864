//! Retention: deletes expired data. The log's partitions are dropped whole ([`days`]); rows of small tables are
//! deleted.
//!
//! One process at a time does it, over a connection of its own: partitions are detached outside of transactions, and
//! lock timeouts are short, since other statements would queue behind.

mod days;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::connect::Limits;
use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;
use crate::held_expiry::notify_held_expired;
use crate::horizon::Horizon;

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// Days whose partitions were dropped, oldest first.
    pub days: Vec<Date>,
    /// Rows of other tables.
    pub rows: u64,
}

/// Held until it is released, or the connection ends.
const TRY_LOCK: &str = "/* retention.try_lock */ SELECT pg_try_advisory_lock(hashtext('easycrm webhooks retention'))";
const UNLOCK: &str = "/* retention.unlock */ SELECT pg_advisory_unlock(hashtext('easycrm webhooks retention'))";

/// Maximum clock skew for dropping anything.
const CLOCKS_AGREE_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Rows deleted by one statement.
const BATCH: i64 = 5_000;

/// Rows that the relay has locked are left to it.
const WAITING: &str = "/* retention.waiting */ DELETE FROM waiting_deliveries WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM waiting_deliveries WHERE created_on < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";

const NOTIFICATIONS: &str = "/* retention.notifications */ DELETE FROM notifications WHERE id IN (
        SELECT id FROM notifications WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

const ATTEMPT_COUNTS: &str = "/* retention.attempt_counts */ DELETE FROM attempt_counts WHERE ctid IN (
        SELECT ctid FROM attempt_counts WHERE hour < $1 ORDER BY hour LIMIT $2 FOR UPDATE SKIP LOCKED)";

const RECOVERIES: &str = "/* retention.recoveries */ DELETE FROM recoveries WHERE id IN (
        SELECT id FROM recoveries WHERE finished_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

const DELETED_WEBHOOKS: &str = "/* retention.deleted_webhooks */ DELETE FROM deleted_webhooks WHERE id IN (
        SELECT id FROM deleted_webhooks WHERE deleted_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

impl Database {
    /// The expired days of the log, older than `days` days by the database's clock, oldest first.
    pub async fn past_days(&self, days: u16) -> Result<Vec<Date>, StoreError> {
        let connection = self.connection().await?;
        let horizon = Horizon::new(now(&connection).await?, days);
        let tables = days::log_tables(&connection).await?;
        let mut past: Vec<Date> = tables
            .iter()
            .map(|table| table.day)
            .filter(|day| horizon.is_past(*day))
            .collect();
        past.dedup();
        Ok(past)
    }

    /// Deletes data older than `days` days before `now`: partitions of the log with their outbox rows, notifications,
    /// counters, finished recoveries, names of deleted webhooks. `None` when another process is doing it. Locked parts are left to the next call.
    ///
    /// # Errors
    /// When the database is unavailable or refuses, or a lock timed out; some data may be deleted by then. When the
    /// clocks of the database and of this process differ: one of them is wrong, and dropped data cannot be restored.
    pub async fn apply_retention(&self, days: u16) -> Result<Option<Removed>, StoreError> {
        let mut connection = self.connection_apart(Limits::RETENTION).await?;
        if !connection.query_one(TRY_LOCK, &[]).await?.get::<_, bool>(0) {
            return Ok(None);
        }
        let now = now(&connection).await?;
        let differ = now.duration_since(Timestamp::now()).abs();
        if differ > CLOCKS_AGREE_WITHIN {
            return Err(StoreError::ClocksDiffer(differ));
        }
        let removed = remove_expired(&mut connection, Horizon::new(now, days)).await;
        // It would be released with the connection, a moment later; the next caller must find it free.
        connection.execute(UNLOCK, &[]).await?;
        removed.map(Some)
    }
}

async fn now(connection: &Connection) -> Result<Timestamp, StoreError> {
    Ok(connection
        .query_one("/* retention.now */ SELECT now()", &[])
        .await?
        .get(0))
}

async fn remove_expired(client: &mut Connection, horizon: Horizon) -> Result<Removed, StoreError> {
    // A locked partition keeps only its own rows.
    client.act_as_log_owner().await?;
    let (days, hindrance) = days::remove(client, horizon).await;
    client.act_as_self().await?;
    let rows = delete_rows(client, horizon).await?;
    hindrance.map_or(Ok(Removed { days, rows }), Err)
}

async fn delete_rows(client: &mut Connection, horizon: Horizon) -> Result<u64, StoreError> {
    let logged_from = days::first_attached(client)
        .await?
        .unwrap_or(horizon.first_day())
        .min(horizon.first_day());
    let mut rows = 0;
    for statement in [NOTIFICATIONS, ATTEMPT_COUNTS, RECOVERIES, DELETED_WEBHOOKS] {
        rows += delete_in_batches(client, statement, &horizon.at).await?;
    }
    // Last, and only after the notification: once these rows are gone, no later call could notify of them.
    notify_held_expired(client, logged_from).await?;
    rows += delete_in_batches(client, WAITING, &logged_from).await?;
    Ok(rows)
}

/// No transaction is long.
pub(crate) async fn delete_in_batches(
    client: &Connection,
    statement: &str,
    before: &(dyn tokio_postgres::types::ToSql + Sync),
) -> Result<u64, StoreError> {
    let statement = client.prepare(statement).await?;
    let mut rows = 0;
    loop {
        let removed = client.execute(&statement, &[before, &BATCH]).await?;
        rows += removed;
        if removed < BATCH.unsigned_abs() {
            return Ok(rows);
        }
    }
}
