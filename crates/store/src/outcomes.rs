//! Commits outcomes of deliveries: one transaction for hundreds of them, with the consequences for their webhooks.

mod columns;
mod health;
mod locked;
mod outbox;
mod record;

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{AutoPause, DeliveryId, DeliveryState};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::connection::Transaction;
use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;
use columns::Columns;
pub use health::HealthChange;
pub use record::{AttemptRecord, DeliveryRecord, Disposition, OutboxEntry};

/// Writes the log's two tables and the chart's counters. A delivery is one row, and never returns from delivered or to
/// an earlier attempt, except by the first success of an earlier attempt: the receiver has it then. A later one is that
/// of a delivery which was sent again since. A known attempt stays unchanged, and is counted once. A held or spilled delivery keeps the
/// result of its last attempt. A delivery is deferred since the first of its latest attempts that were all deferred; the time
/// in which its job waited for a sender does not count.
///
/// Returns the batch positions of accepted records with consequences: entries of the outbox, and records relevant to a
/// webhook's health, which are all records of webhooks with failures, before or in this batch.
const RECORD: &str = "
    /* outcomes.record */ WITH given AS (
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
            $8::int[], $9::int[], $10::bytea[], $11::text[], $12::timestamptz[], $13::float8[], $14::text[],
            $15::text[], $16::timestamptz[], $17::text[], $18::smallint[], $19::int[], $20::text[], $21::bytea[],
            $22::float8[], $23::text[])
        WITH ORDINALITY AS t (id, created_on, account, webhook_id, event_id, event_type, state,
            attempts, step, payload, traceparent, created_at, retry_in, error,
            trigger, at, outcome, http_status, response_time_ms, attempt_error, response_excerpt, deferred_for, subject, place)
    ), recorded AS (
        INSERT INTO deliveries AS d (id, created_on, account, webhook_id, event_id, event_type, state, attempts, step,
            http_status, error, response_time_ms, payload, traceparent, created_at, updated_at, next_attempt_at, waiting,
            deferred_since, subject)
        SELECT id, created_on, account, webhook_id, event_id, event_type, state, attempts, step,
            http_status, coalesce(attempt_error, error), response_time_ms, payload, traceparent, created_at,
            now(), now() + make_interval(secs => retry_in), state IN ('held', 'queued'),
            now() - make_interval(secs => deferred_for), subject
        FROM given
        ON CONFLICT (id, created_on) DO UPDATE SET state = excluded.state,
            attempts = greatest(d.attempts, excluded.attempts), step = excluded.step,
            http_status = CASE WHEN excluded.waiting AND excluded.response_time_ms IS NULL THEN d.http_status
                ELSE excluded.http_status END,
            error = CASE WHEN excluded.waiting AND excluded.response_time_ms IS NULL THEN d.error ELSE excluded.error END,
            deferred_since = CASE WHEN excluded.state = 'held' THEN NULL
                WHEN excluded.waiting AND excluded.response_time_ms IS NULL THEN d.deferred_since
                ELSE excluded.deferred_since END,
            response_time_ms = coalesce(excluded.response_time_ms, d.response_time_ms),
            updated_at = excluded.updated_at, next_attempt_at = excluded.next_attempt_at, waiting = excluded.waiting
        WHERE d.state <> 'delivered' AND (d.attempts < excluded.attempts
            OR (excluded.state = 'delivered' AND NOT EXISTS (SELECT FROM attempts a
                WHERE a.delivery_id = d.id AND a.created_on = d.created_on AND a.outcome = 'success'))
            OR (d.attempts = excluded.attempts AND excluded.response_time_ms IS NULL))
        RETURNING id
    ), attempted AS (
        INSERT INTO attempts (delivery_id, created_on, number, trigger, at, outcome, http_status, response_time_ms,
            error, response_excerpt)
        SELECT id, created_on, attempts, trigger, at, outcome, http_status, response_time_ms, attempt_error,
            response_excerpt
        FROM given WHERE trigger IS NOT NULL
        ON CONFLICT DO NOTHING
    ), counted AS (
        INSERT INTO attempt_counts (webhook_id, hour, delivered, failed, retried, response_time_ms)
        SELECT webhook_id, date_trunc('hour', at, 'UTC'), count(*) FILTER (WHERE state = 'delivered'),
            count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state IN ('retrying', 'queued')),
            sum(response_time_ms)
        FROM given JOIN recorded USING (id) WHERE trigger IS NOT NULL GROUP BY 1, 2
    )
    SELECT place FROM (
        SELECT place, webhook_id, state, bool_or(outcome <> 'success' AND deferred_for IS NULL) OVER (PARTITION BY webhook_id) AS fails
        FROM given JOIN recorded USING (id)) AS taken
    LEFT JOIN webhooks w ON w.id = webhook_id
    WHERE state IN ('held', 'queued') OR fails OR w.consecutive_failures > 0 OR w.failed_attempts > 0
    ORDER BY place";

/// Timeout for another transaction's lock. A release locks its deliveries until the broker has confirmed them, which is
/// usually shorter.
const LOCKED_FOR: Duration = Duration::from_secs(2);

/// A delivery as the log knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its state.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// Steps of the ladder used.
    pub step: u32,
    /// When its event was first accepted; with the id it identifies the row.
    pub created_at: Timestamp,
    /// Time until the next attempt is due; negative when it is overdue.
    pub due_in: Option<SignedDuration>,
}

/// Without a day every partition is searched, newest first.
const LOOK_UP: &str = "/* outcomes.look_up */ SELECT state, attempts, step, created_at,
        extract(epoch FROM next_attempt_at - now())::float8 AS due_in
    FROM deliveries
    WHERE id = $1 AND created_on BETWEEN coalesce($2, '-infinity'::date) AND coalesce($2, 'infinity'::date)
    ORDER BY created_on DESC LIMIT 1";

impl Database {
    /// Commits a batch: the log, the outbox entries, and the consequences for the health of webhooks, by the rule
    /// `auto_pause`. All or nothing. The records are of different deliveries. Returns what changed about webhooks.
    ///
    /// Creates a missing partition.
    ///
    /// # Errors
    /// When the database is unavailable, or refuses one of the records.
    pub async fn record(
        &self,
        records: &[DeliveryRecord],
        auto_pause: AutoPause,
    ) -> Result<Vec<HealthChange>, StoreError> {
        match self.try_record(records, auto_pause).await {
            Err(error) if error.is_missing_partition() => {
                let days: BTreeSet<Date> = records
                    .iter()
                    .map(|record| day_of(record.delivery.accepted_at))
                    .collect();
                self.create_partitions(days).await?;
                self.try_record(records, auto_pause).await
            }
            result => result,
        }
    }

    async fn try_record(
        &self,
        records: &[DeliveryRecord],
        auto_pause: AutoPause,
    ) -> Result<Vec<HealthChange>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction_without_long_locks(LOCKED_FOR).await?;
        let taken = write_log(&transaction, records).await?;
        // Webhooks before releases, as a resume locks them: another order could deadlock.
        let changes = health::apply(&transaction, &taken, auto_pause).await?;
        outbox::write_outbox(&transaction, &taken).await?;
        transaction.commit().await?;
        Ok(changes)
    }

    /// The log's row of a delivery; `created_at` saves searching every partition.
    pub async fn known_delivery(
        &self,
        delivery: DeliveryId,
        created_at: Option<Timestamp>,
    ) -> Result<Option<Known>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(LOOK_UP).await?;
        let day: Option<Date> = created_at.map(day_of);
        let Some(row) = connection.query_opt(&statement, &[&delivery.as_uuid(), &day]).await? else {
            return Ok(None);
        };
        let number = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
        Ok(Some(Known {
            state: row
                .get::<_, &str>("state")
                .parse()
                .map_err(|_| StoreError::UnknownValue("state"))?,
            attempts: number("attempts"),
            step: number("step"),
            created_at: row.get("created_at"),
            due_in: row
                .get::<_, Option<f64>>("due_in")
                .and_then(|due| SignedDuration::try_from_secs_f64(due).ok()),
        }))
    }
}

/// Returns the accepted records with consequences, in their order.
async fn write_log<'a>(
    transaction: &Transaction<'_>,
    records: &'a [DeliveryRecord],
) -> Result<Vec<&'a DeliveryRecord>, StoreError> {
    let statement = transaction.prepare_cached(RECORD).await?;
    let rows = transaction
        .query(&statement, &Columns::of(records).parameters())
        .await?;
    let place = |row: &tokio_postgres::Row| usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or_default();
    Ok(rows.iter().map(|row| &records[place(row)]).collect())
}
