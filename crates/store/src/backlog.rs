//! How much waits, over all accounts: for dashboards and alerts.

use crate::database::Database;
use crate::error::StoreError;

/// Deliveries that have not reached their end, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Backlog {
    /// Waiting for a retry whose time has come.
    pub due: i64,
    /// Waiting for a retry whose time has not come.
    pub scheduled: i64,
    /// Waiting for their webhook to be resumed, or since it was for their turn.
    pub held: i64,
    /// Waiting for their webhook to absorb them.
    pub spilled: i64,
    /// Seconds by which the most overdue retry is late; 0 when none is.
    pub oldest_due_seconds: f64,
}

/// The held ones are counted already; the others are few, or trouble that is worth a scan.
const BACKLOG: &str = "SELECT retrying.due, retrying.scheduled, retrying.oldest_due_seconds, held.held,
        waiting.all_waiting - held.held AS spilled
    FROM (SELECT count(*) FILTER (WHERE next_attempt_at <= now()) AS due,
                 count(*) FILTER (WHERE next_attempt_at > now()) AS scheduled,
                 coalesce(greatest(extract(epoch FROM now() - min(next_attempt_at)), 0), 0)::float8 AS oldest_due_seconds
          FROM deliveries WHERE state = 'retrying') AS retrying,
         (SELECT coalesce(sum(held), 0)::bigint AS held FROM held_counts) AS held,
         (SELECT count(*) AS all_waiting FROM waiting_deliveries) AS waiting";

impl Database {
    /// Counts what waits.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        let row = self.connection().await?.query_one(BACKLOG, &[]).await?;
        Ok(Backlog {
            due: row.get("due"),
            scheduled: row.get("scheduled"),
            held: row.get("held"),
            spilled: row.get("spilled"),
            oldest_due_seconds: row.get("oldest_due_seconds"),
        })
    }
}
