//! The backlog over all accounts, for dashboards and alerts.

use crate::database::Database;
use crate::error::StoreError;

/// Deliveries that are neither delivered nor failed, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Backlog {
    /// Overdue retries.
    pub due: i64,
    /// Retries that are not yet due.
    pub scheduled: i64,
    /// Held: their webhook is paused, or was resumed and they are not released yet.
    pub held: i64,
    /// Spilled or deferred.
    pub spilled: i64,
    /// Lateness of the most overdue retry, in seconds; 0 when none is.
    pub oldest_due_seconds: f64,
}

/// Held ones are counted by triggers; the others are few, or an incident that is worth a scan.
const BACKLOG: &str = "/* backlog.backlog */
    SELECT retrying.due, retrying.scheduled, retrying.oldest_due_seconds, held.held,
        waiting.all_waiting - held.held AS spilled
    FROM (SELECT count(*) FILTER (WHERE next_attempt_at <= now()) AS due,
                 count(*) FILTER (WHERE next_attempt_at > now()) AS scheduled,
                 coalesce(greatest(extract(epoch FROM now() - min(next_attempt_at)), 0), 0)::float8 AS oldest_due_seconds
          FROM deliveries WHERE state = 'retrying') AS retrying,
         (SELECT coalesce(sum(held), 0)::bigint AS held FROM held_counts) AS held,
         (SELECT count(*) AS all_waiting FROM waiting_deliveries) AS waiting";

impl Database {
    /// Counts the backlog.
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
