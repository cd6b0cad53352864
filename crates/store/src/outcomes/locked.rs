//! Finds outcomes that cannot be written now, because another transaction has locked their delivery or webhook: a
//! release in progress, a process frozen within a transaction, a person at a prompt. The other outcomes must not wait
//! for them.

use jiff::civil::Date;
use uuid::Uuid;

use super::record::DeliveryRecord;
use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// Locks the free rows for the duration of the statement, in the mode in which outcomes are written.
const LOCKED: &str = "
    /* outcomes.locked.locked */ WITH given AS (
        SELECT * FROM unnest($1::uuid[], $2::date[], $3::uuid[])
            WITH ORDINALITY AS t (id, created_on, webhook_id, place)
    ), logged AS (
        SELECT d.id, d.created_on FROM deliveries d JOIN given g ON g.id = d.id AND g.created_on = d.created_on
    ), free AS (
        SELECT d.id, d.created_on FROM deliveries d JOIN given g ON g.id = d.id AND g.created_on = d.created_on
        FOR NO KEY UPDATE OF d SKIP LOCKED
    ), free_webhooks AS (
        SELECT id FROM webhooks WHERE id = ANY($3) FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT place FROM given g
    WHERE (EXISTS (SELECT FROM logged l WHERE l.id = g.id AND l.created_on = g.created_on)
            AND NOT EXISTS (SELECT FROM free f WHERE f.id = g.id AND f.created_on = g.created_on))
        OR (EXISTS (SELECT FROM webhooks w WHERE w.id = g.webhook_id)
            AND NOT EXISTS (SELECT FROM free_webhooks f WHERE f.id = g.webhook_id))";

impl Database {
    /// The batch positions of the records whose rows are locked.
    pub async fn locked(&self, records: &[DeliveryRecord]) -> Result<Vec<usize>, StoreError> {
        let ids: Vec<Uuid> = records.iter().map(|record| record.delivery.id.as_uuid()).collect();
        let days: Vec<Date> = records
            .iter()
            .map(|record| day_of(record.delivery.accepted_at))
            .collect();
        let webhooks: Vec<Uuid> = records.iter().map(|record| record.delivery.webhook.0).collect();
        let rows = self
            .connection()
            .await?
            .query(LOCKED, &[&ids, &days, &webhooks])
            .await?;
        let place = |row: &tokio_postgres::Row| usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or_default();
        Ok(rows.iter().map(place).collect())
    }
}
