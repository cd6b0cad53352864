//! Writing what became of deliveries: one statement, one round trip, for hundreds of them.

use std::collections::BTreeSet;

use bytes::Bytes;
use domain::{AccountName, DeliveryId, DeliveryState, Outcome, Trigger, WebhookId};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

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
}

/// Both tables in one statement, so in one transaction. A delivery seen before is the same row, and never goes back
/// from delivered or to an earlier attempt; an attempt seen before stays as it was first told.
const RECORD: &str = "
    WITH given AS (
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
            $8::int[], $9::int[], $10::bytea[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::text[],
            $15::text[], $16::timestamptz[], $17::text[], $18::smallint[], $19::int[], $20::text[], $21::bytea[])
        AS t (id, created_on, account, webhook_id, event_id, event_type, state,
            attempts, step, payload, traceparent, created_at, next_attempt_at, error,
            trigger, at, outcome, http_status, response_time_ms, attempt_error, response_excerpt)
    ), recorded AS (
        INSERT INTO deliveries AS d (id, created_on, account, webhook_id, event_id, event_type, state, attempts, step,
            http_status, error, response_time_ms, payload, traceparent, created_at, updated_at, next_attempt_at)
        SELECT id, created_on, account, webhook_id, event_id, event_type, state, attempts, step,
            http_status, coalesce(attempt_error, error), response_time_ms, payload, traceparent, created_at,
            now(), next_attempt_at
        FROM given
        ON CONFLICT (id, created_on) DO UPDATE SET state = excluded.state,
            attempts = greatest(d.attempts, excluded.attempts),
            step = excluded.step, http_status = excluded.http_status, error = excluded.error,
            response_time_ms = excluded.response_time_ms, updated_at = excluded.updated_at,
            next_attempt_at = excluded.next_attempt_at
        WHERE d.state <> 'delivered' AND (d.attempts <= excluded.attempts OR excluded.state = 'delivered')
    )
    INSERT INTO attempts (delivery_id, created_on, number, trigger, at, outcome, http_status, response_time_ms, error,
        response_excerpt)
    SELECT id, created_on, attempts, trigger, at, outcome, http_status, response_time_ms, attempt_error,
        response_excerpt
    FROM given WHERE trigger IS NOT NULL
    ON CONFLICT DO NOTHING";

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
    WHERE id = $1 AND ($2::date IS NULL OR created_on = $2) ORDER BY created_on DESC LIMIT 1";

impl Database {
    /// Writes a batch. All of it is committed, or none. The records are of different deliveries.
    ///
    /// A missing partition is made on the way.
    ///
    /// # Errors
    /// When the database is away, or refuses one of the records.
    pub async fn record(&self, records: &[DeliveryRecord]) -> Result<(), StoreError> {
        match self.try_record(records).await {
            Err(error) if error.is_missing_partition() => {
                let days: BTreeSet<Date> = records.iter().map(|record| day_of(record.created_at)).collect();
                self.create_partitions(days).await?;
                self.try_record(records).await
            }
            result => result,
        }
    }

    async fn try_record(&self, records: &[DeliveryRecord]) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(RECORD).await?;
        let columns = Columns::of(records);
        connection.execute(&statement, &columns.parameters()).await?;
        Ok(())
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

/// The batch turned on its side: one array a parameter, in the order of [`RECORD`].
#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    created_on: Vec<Date>,
    account: Vec<&'a str>,
    webhook_id: Vec<Uuid>,
    event_id: Vec<&'a str>,
    event_type: Vec<&'a str>,
    state: Vec<&'static str>,
    attempts: Vec<i32>,
    step: Vec<i32>,
    payload: Vec<&'a [u8]>,
    traceparent: Vec<Option<&'a str>>,
    created_at: Vec<Timestamp>,
    next_attempt_at: Vec<Option<Timestamp>>,
    error: Vec<Option<&'a str>>,
    trigger: Vec<Option<&'static str>>,
    at: Vec<Option<Timestamp>>,
    outcome: Vec<Option<&'static str>>,
    http_status: Vec<Option<i16>>,
    response_time_ms: Vec<Option<i32>>,
    attempt_error: Vec<Option<&'a str>>,
    response_excerpt: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    fn of(records: &'a [DeliveryRecord]) -> Self {
        let mut columns = Self::default();
        for record in records {
            columns.add_delivery(record);
            columns.add_attempt(record.attempt.as_ref());
        }
        columns
    }

    fn add_delivery(&mut self, record: &'a DeliveryRecord) {
        self.id.push(record.delivery.as_uuid());
        self.created_on.push(day_of(record.created_at));
        self.account.push(record.account.as_str());
        self.webhook_id.push(record.webhook.0);
        self.event_id.push(&record.event_id);
        self.event_type.push(&record.event_type);
        self.state.push(record.state.as_str());
        self.attempts.push(saturating(record.attempts));
        self.step.push(saturating(record.step));
        self.payload.push(&record.payload);
        self.traceparent.push(record.traceparent.as_deref());
        self.created_at.push(record.created_at);
        self.next_attempt_at.push(record.next_attempt_at);
        self.error.push(record.error.as_deref());
    }

    fn add_attempt(&mut self, attempt: Option<&'a AttemptRecord>) {
        self.trigger.push(attempt.map(|attempt| attempt.trigger.as_str()));
        self.at.push(attempt.map(|attempt| attempt.at));
        self.outcome.push(attempt.map(|attempt| attempt.outcome.as_str()));
        self.http_status.push(attempt.and_then(|attempt| attempt.http_status).and_then(|s| i16::try_from(s).ok()));
        self.response_time_ms.push(attempt.map(|attempt| saturating(attempt.response_time_ms)));
        self.attempt_error.push(attempt.and_then(|attempt| attempt.error.as_deref()));
        let excerpt = attempt.map(|attempt| attempt.response_excerpt.as_slice());
        self.response_excerpt.push(excerpt.filter(|excerpt| !excerpt.is_empty()));
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 21] {
        [
            &self.id,
            &self.created_on,
            &self.account,
            &self.webhook_id,
            &self.event_id,
            &self.event_type,
            &self.state,
            &self.attempts,
            &self.step,
            &self.payload,
            &self.traceparent,
            &self.created_at,
            &self.next_attempt_at,
            &self.error,
            &self.trigger,
            &self.at,
            &self.outcome,
            &self.http_status,
            &self.response_time_ms,
            &self.attempt_error,
            &self.response_excerpt,
        ]
    }
}

fn saturating(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
