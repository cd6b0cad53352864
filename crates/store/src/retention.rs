//! Forgetting what is older than the retention. The log's days go whole ([`days`]); of the small tables, rows.
//!
//! One process does it at a time, over a connection of its own: partitions are detached outside of transactions, and no
//! wait for a lock may be long, since others would wait behind it.

mod days;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Client;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// What was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Days of the log, oldest first.
    pub days: Vec<Date>,
    /// Rows of other tables.
    pub rows: u64,
}

/// Held until the connection ends.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(hashtext('easycrm webhooks retention'))";

/// A lock that is not had by then is tried for at the next pass. `webhooks.retention` is what the audit trail asks for
/// before it lets anything be removed.
const SESSION: &str = "SET lock_timeout = '5s'; SET statement_timeout = '60s'; SET webhooks.retention = 'on'";

/// Rows removed by one statement.
const BATCH: i64 = 5_000;

/// What the relay is at is left to it.
const WAITING: &str = "DELETE FROM waiting_deliveries WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM waiting_deliveries WHERE created_on < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";

const NOTIFICATIONS: &str = "DELETE FROM notifications WHERE id IN (
        SELECT id FROM notifications WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

const ATTEMPT_COUNTS: &str = "DELETE FROM attempt_counts WHERE ctid IN (
        SELECT ctid FROM attempt_counts WHERE hour < $1 ORDER BY hour LIMIT $2 FOR UPDATE SKIP LOCKED)";

const RECOVERIES: &str = "DELETE FROM recoveries WHERE id IN (
        SELECT id FROM recoveries WHERE finished_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

const AUDIT: &str = "DELETE FROM audit_entries WHERE id IN (
        SELECT id FROM audit_entries WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Where the kept time begins.
#[derive(Debug, Clone, Copy)]
struct Horizon {
    at: Timestamp,
}

impl Horizon {
    /// `days` before `now`. So far back that there is no such time, nothing is old.
    fn new(now: Timestamp, days: u16) -> Self {
        let kept = SignedDuration::from_hours(i64::from(days) * 24);
        Self { at: now.checked_sub(kept).unwrap_or(Timestamp::MIN) }
    }

    /// A day is over before the kept time begins.
    fn is_past(self, day: Date) -> bool {
        day < self.first_day()
    }

    /// The day in which the kept time begins stays whole.
    fn first_day(self) -> Date {
        day_of(self.at)
    }
}

impl Database {
    /// The days of the log that are past, `days` days before `now`, oldest first.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn past_days(&self, now: Timestamp, days: u16) -> Result<Vec<Date>, StoreError> {
        let horizon = Horizon::new(now, days);
        let tables = days::log_tables(&**self.connection().await?).await?;
        let mut past: Vec<Date> = tables.iter().map(|table| table.day).filter(|day| horizon.is_past(*day)).collect();
        past.dedup();
        Ok(past)
    }

    /// Forgets what is older than `days` days before `now`: whole days of the log and what waited in them,
    /// notifications, counts, recoveries that are finished, the audit trail. `None` when another process is at it. What
    /// was not done, because something else had it locked, is done by the next call.
    ///
    /// # Errors
    /// When the database is away or refuses, or a lock was not had in time; some may be forgotten by then.
    pub async fn forget_past(&self, now: Timestamp, days: u16) -> Result<Option<Forgotten>, StoreError> {
        let (config, tls) = self.dedicated();
        let (client, connection) = config.connect(tls).await?;
        let driver = tokio::spawn(connection);
        let forgotten = forget_alone(&client, Horizon::new(now, days)).await;
        drop(client);
        // The lock goes with the connection; whoever calls next must find it free.
        let _ = driver.await;
        forgotten
    }
}

async fn forget_alone(client: &Client, horizon: Horizon) -> Result<Option<Forgotten>, StoreError> {
    client.batch_execute(SESSION).await?;
    if !client.query_one(TRY_LOCK, &[]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    // A day that somebody has locked keeps its rows, and nothing else.
    let (days, hindrance) = days::remove(client, horizon).await;
    let rows = forget_rows(client, horizon).await?;
    hindrance.map_or(Ok(Some(Forgotten { days, rows })), Err)
}

async fn forget_rows(client: &Client, horizon: Horizon) -> Result<u64, StoreError> {
    let logged_from = days::first_attached(client).await?.unwrap_or(horizon.first_day()).min(horizon.first_day());
    let mut rows = forget(client, WAITING, &logged_from).await?;
    for statement in [NOTIFICATIONS, ATTEMPT_COUNTS, RECOVERIES, AUDIT] {
        rows += forget(client, statement, &horizon.at).await?;
    }
    Ok(rows)
}

/// In batches, so that no transaction is long.
async fn forget(
    client: &Client,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_past_when_its_last_moment_is() {
        let past = |now: &str, day: &str| Horizon::new(now.parse().unwrap(), 30).is_past(day.parse().unwrap());
        assert!(past("2026-10-31T00:00:00Z", "2026-09-30"));
        assert!(!past("2026-10-31T00:00:00Z", "2026-10-01"));
        assert!(!past("2026-10-30T23:59:59.999999Z", "2026-09-30"));
        assert!(past("2026-10-30T23:59:59.999999Z", "2026-09-29"));
    }

    #[test]
    fn no_setting_reaches_before_time() {
        assert_eq!(Horizon::new(Timestamp::MIN, u16::MAX).at, Timestamp::MIN);
    }
}
