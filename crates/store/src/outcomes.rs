//! Writing what became of deliveries: one transaction for hundreds of them, with what it means for their webhooks.

mod columns;
mod health;
mod set_aside;

use std::collections::BTreeSet;

use bytes::Bytes;
use deadpool_postgres::Transaction;
use domain::{AccountName, AutoPause, DeliveryId, DeliveryState, Next, Outcome, Trigger, WebhookId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;
use columns::Columns;
pub use health::HealthChange;

/// A delivery as it stands after an attempt, or after it was decided that none is made.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When its event was accepted; with the id it names the row.
    pub created_at: Timestamp,
    /// Tenant that owns the webhook.
    pub account: AccountName,
    /// Whom it is for.
    pub webhook: WebhookId,
    /// CloudEvents id of the event.
    pub event_id: String,
    /// Name of the event's type.
    pub event_type: String,
    /// Where it stands now.
    pub state: DeliveryState,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Steps of the ladder used.
    pub step: u32,
    /// Exact bytes posted and signed.
    pub payload: Bytes,
    /// W3C trace context of the event.
    pub traceparent: Option<String>,
    /// When the next attempt is due; only while retrying.
    pub next_attempt_at: Option<Timestamp>,
    /// Why the delivery failed without an attempt.
    pub error: Option<String>,
    /// The attempt just made.
    pub attempt: Option<AttemptRecord>,
    /// What it waits for, when it is `held` or `queued`.
    pub set_aside: Option<SetAside>,
}

/// A delivery that is left to the relay instead of being attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAside {
    /// Why the attempt will be made.
    pub trigger: Trigger,
    /// The relay released it before: its webhook does not absorb what it gets.
    pub returned: bool,
}

/// One attempt and its end.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// Why it was made.
    pub trigger: Trigger,
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// From beginning to end, in milliseconds.
    pub response_time_ms: u32,
    /// Reason in words, when there was no answer.
    pub error: Option<String>,
    /// Beginning of the answer's body.
    pub response_excerpt: Vec<u8>,
    /// What follows from it, for its webhook's health.
    pub next: Next,
}

/// The log's two tables and the chart's counts. A delivery seen before is the same row, and never goes back from delivered
/// or to an earlier attempt; an attempt seen before stays as it was first told, and is counted once. What is set aside
/// keeps the end of its last attempt.
///
/// Answers with the places in the batch of what the log took and more follows from: what is left to the relay, and what
/// bears on a webhook's health, which is everything of webhooks that were not well, or of which something failed in this
/// batch.
const RECORD: &str = "
    WITH given AS (
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
            $8::int[], $9::int[], $10::bytea[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::text[],
            $15::text[], $16::timestamptz[], $17::text[], $18::smallint[], $19::int[], $20::text[], $21::bytea[])
        WITH ORDINALITY AS t (id, created_on, account, webhook_id, event_id, event_type, state,
            attempts, step, payload, traceparent, created_at, next_attempt_at, error,
            trigger, at, outcome, http_status, response_time_ms, attempt_error, response_excerpt, place)
    ), recorded AS (
        INSERT INTO deliveries AS d (id, created_on, account, webhook_id, event_id, event_type, state, attempts, step,
            http_status, error, response_time_ms, payload, traceparent, created_at, updated_at, next_attempt_at, waiting)
        SELECT id, created_on, account, webhook_id, event_id, event_type, state, attempts, step,
            http_status, coalesce(attempt_error, error), response_time_ms, payload, traceparent, created_at,
            now(), next_attempt_at, state IN ('held', 'queued')
        FROM given
        ON CONFLICT (id, created_on) DO UPDATE SET state = excluded.state,
            attempts = greatest(d.attempts, excluded.attempts), step = excluded.step,
            http_status = CASE WHEN excluded.state IN ('held', 'queued') THEN d.http_status
                ELSE excluded.http_status END,
            error = CASE WHEN excluded.state IN ('held', 'queued') THEN d.error ELSE excluded.error END,
            response_time_ms = coalesce(excluded.response_time_ms, d.response_time_ms),
            updated_at = excluded.updated_at, next_attempt_at = excluded.next_attempt_at, waiting = excluded.waiting
        WHERE d.state <> 'delivered' AND (d.attempts < excluded.attempts OR excluded.state = 'delivered'
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
            count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'retrying'),
            sum(response_time_ms)
        FROM given JOIN recorded USING (id) WHERE trigger IS NOT NULL GROUP BY 1, 2
    )
    SELECT place FROM (
        SELECT place, webhook_id, state, bool_or(outcome <> 'success') OVER (PARTITION BY webhook_id) AS fails
        FROM given JOIN recorded USING (id)) AS taken
    LEFT JOIN webhooks w ON w.id = webhook_id
    WHERE state IN ('held', 'queued') OR fails OR w.consecutive_failures > 0 OR w.failed_attempts > 0
    ORDER BY place";

/// The log's knowledge of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// Steps of the ladder used.
    pub step: u32,
    /// When its event was first accepted; with the id it names the row.
    pub created_at: Timestamp,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
}

/// Without a day every partition is asked, newest first.
const LOOK_UP: &str = "SELECT state, attempts, step, created_at, next_attempt_at FROM deliveries
    WHERE id = $1 AND created_on BETWEEN coalesce($2, '-infinity'::date) AND coalesce($2, 'infinity'::date)
    ORDER BY created_on DESC LIMIT 1";

impl Database {
    /// Writes a batch: the log, what is left to the relay, and what it means for the health of webhooks, which
    /// `auto_pause` governs. All of it is committed, or none. The records are of different deliveries. Returns what
    /// changed about webhooks.
    ///
    /// A missing partition is made on the way.
    ///
    /// # Errors
    /// When the database is away, or refuses one of the records.
    pub async fn record(
        &self,
        records: &[DeliveryRecord],
        auto_pause: AutoPause,
    ) -> Result<Vec<HealthChange>, StoreError> {
        match self.try_record(records, auto_pause).await {
            Err(error) if error.is_missing_partition() => {
                let days: BTreeSet<Date> = records.iter().map(|record| day_of(record.created_at)).collect();
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
        let transaction = connection.transaction().await?;
        let taken = write_log(&transaction, records).await?;
        // Webhooks before releases, as whoever resumes one: in another order they could wait for each other.
        let changes = health::apply(&transaction, &taken, auto_pause).await?;
        set_aside::leave_to_relay(&transaction, &taken).await?;
        transaction.commit().await?;
        Ok(changes)
    }

    /// What the log knows of a delivery; `created_at` saves asking every day's partition.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn known_delivery(
        &self,
        delivery: DeliveryId,
        created_at: Option<Timestamp>,
    ) -> Result<Option<Known>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(LOOK_UP).await?;
        let day: Option<Date> = created_at.map(day_of);
        let Some(row) = connection.query_opt(&statement, &[&delivery.as_uuid(), &day]).await? else { return Ok(None) };
        let number = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
        Ok(Some(Known {
            state: row.get::<_, &str>("state").parse().map_err(|_| StoreError::UnknownValue("state"))?,
            attempts: number("attempts"),
            step: number("step"),
            created_at: row.get("created_at"),
            next_attempt_at: row.get("next_attempt_at"),
        }))
    }
}

/// Returns the records that the log took and of which more follows, in their order.
async fn write_log<'a>(
    transaction: &Transaction<'_>,
    records: &'a [DeliveryRecord],
) -> Result<Vec<&'a DeliveryRecord>, StoreError> {
    let statement = transaction.prepare_cached(RECORD).await?;
    let rows = transaction.query(&statement, &Columns::of(records).parameters()).await?;
    let place = |row: &tokio_postgres::Row| usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or_default();
    Ok(rows.iter().map(|row| &records[place(row)]).collect())
}
