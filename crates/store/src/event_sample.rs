//! A sample of an account's events, from the delivery log, which knows an event by its deliveries.

use domain::{AccountName, DeliveryId, EventTypeSet};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;
use crate::webhooks::names;

/// How far a sample may reach, so that no account costs more than another.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// The oldest event.
    pub since: Timestamp,
    /// Webhooks whose deliveries are read, oldest first.
    pub webhooks: i64,
    /// Newest deliveries that are read of each pair of webhook and event type, at most.
    pub deliveries_each: i64,
    /// Deliveries that are read in all, shared equally among the pairs; at least one of each.
    pub deliveries: i64,
    /// Newest events of the sample.
    pub events: i64,
}

/// An event, as one of its deliveries shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// One of its deliveries, which has its payload.
    pub delivery: DeliveryId,
    /// CloudEvents id.
    pub event_id: String,
    /// Name of its type.
    pub event_type: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// The newest events, and how many there are within reach.
#[derive(Debug, Clone, Default)]
pub struct EventSample {
    /// Distinct events within reach.
    pub seen: i64,
    /// The newest of them, newest first.
    pub newest: Vec<LoggedEvent>,
}

/// Each pair of webhook and type is a range of the index `deliveries_by_event_type`, read from its end.
const NEWEST: &str = "/* event_sample.newest */
    WITH pairs AS MATERIALIZED (
        SELECT w.id, wanted.event_type
        FROM (SELECT id FROM webhooks WHERE account = $1 ORDER BY created_at, id LIMIT $5) AS w
            CROSS JOIN unnest($2::text[]) AS wanted (event_type)),
    logged AS MATERIALIZED (
        SELECT newest.id, newest.created_at, newest.event_id, newest.event_type
        FROM pairs AS wanted
            CROSS JOIN LATERAL (
                SELECT d.id, d.created_at, d.event_id, d.event_type FROM deliveries d
                WHERE d.webhook_id = wanted.id AND d.event_type = wanted.event_type AND d.account = $1
                    AND d.created_on >= $4 AND d.created_at >= $3 AND NOT d.test
                ORDER BY d.created_on DESC, d.created_at DESC, d.id DESC
                LIMIT (SELECT greatest(1, least($6, $7 / greatest(1, count(*)))) FROM pairs)) AS newest),
    events AS (
        SELECT DISTINCT ON (event_id, event_type) * FROM logged ORDER BY event_id, event_type, created_at DESC, id)
    SELECT id, created_at, event_id, event_type, count(*) OVER () AS seen FROM events
    ORDER BY created_at DESC, id LIMIT $8";

const PAYLOADS: &str = "/* event_sample.payloads */
    SELECT one.id, one.payload FROM unnest($2::uuid[], $3::date[]) AS wanted (id, created_on)
        CROSS JOIN LATERAL (
            SELECT d.id, d.payload FROM deliveries d
            WHERE d.id = wanted.id AND d.created_on = wanted.created_on AND d.account = $1 LIMIT 1) AS one";

impl Database {
    /// The account's newest events of these types within reach.
    pub async fn newest_events(
        &self,
        account: &AccountName,
        event_types: EventTypeSet,
        reach: Reach,
    ) -> Result<EventSample, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(NEWEST).await?;
        let rows = connection
            .query(
                &statement,
                &[
                    &account.as_str(),
                    &names(event_types),
                    &reach.since,
                    &day_of(reach.since),
                    &reach.webhooks,
                    &reach.deliveries_each,
                    &reach.deliveries,
                    &reach.events,
                ],
            )
            .await?;
        Ok(EventSample {
            seen: rows.first().map_or(0, |row| row.get("seen")),
            newest: rows.iter().map(logged_event).collect(),
        })
    }

    /// The payloads of some of the account's events, in no order; one may have been deleted meanwhile.
    pub async fn payloads_of(
        &self,
        account: &AccountName,
        events: &[LoggedEvent],
    ) -> Result<Vec<(DeliveryId, Vec<u8>)>, StoreError> {
        let ids: Vec<_> = events.iter().map(|event| event.delivery.as_uuid()).collect();
        let days: Vec<_> = events.iter().map(|event| day_of(event.accepted_at)).collect();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(PAYLOADS).await?;
        let rows = connection.query(&statement, &[&account.as_str(), &ids, &days]).await?;
        let payload = |row: &Row| (row.get::<_, uuid::Uuid>("id").into(), row.get("payload"));
        Ok(rows.iter().map(payload).collect())
    }
}

fn logged_event(row: &Row) -> LoggedEvent {
    LoggedEvent {
        delivery: row.get::<_, uuid::Uuid>("id").into(),
        event_id: row.get("event_id"),
        event_type: row.get("event_type"),
        accepted_at: row.get("created_at"),
    }
}
