//! Processes recoveries: moves failed deliveries to the outbox, some at a time.

use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::connection::Transaction;
use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// Deliveries processed in one transaction.
const AT_ONCE: i64 = 1000;

/// The least recently processed recovery, so that a failing one does not block the others.
const CLAIM: &str = "/* recover.marking.claim */
    SELECT r.id, r.account, r.webhook_id, r.until, r.event_types, r.requested_at, r.reached_at,
        r.reached_id, w.paused_reason IS NOT NULL AS paused
    FROM recoveries r LEFT JOIN webhooks w ON w.id = r.webhook_id
    WHERE r.finished_at IS NULL AND NOT r.all_marked
    ORDER BY r.tried_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED";

/// The next failed deliveries in the order of their creation. The limits are parameters, so that the index gives the
/// order.
const STEP: &str = "/* recover.marking.step */ SELECT id, created_on, created_at, updated_at FROM deliveries
    WHERE account = $1 AND webhook_id = $2 AND state = 'failed' AND NOT test
        AND created_on >= $3 AND created_on <= $4 AND created_at < $5 AND (created_on, created_at, id) > ($3, $6, $7)
    ORDER BY created_on, created_at, id LIMIT $8";

/// A delivery that failed again since the request was recovered already. For a paused webhook they are held. Other event
/// types are left out here and not in the step, so that a step reads no more rows when few are of a type.
const MARK: &str = "/* recover.marking.mark */ WITH marked AS (
        UPDATE deliveries d SET state = CASE WHEN $3 THEN 'held' ELSE 'queued' END, waiting = true, step = 0,
            updated_at = now()
        FROM unnest($1::uuid[], $2::date[]) AS step (id, created_on)
        WHERE d.id = step.id AND d.created_on = step.created_on AND d.state = 'failed' AND d.updated_at <= $4
            AND ($7::text[] IS NULL OR d.event_type = ANY ($7))
        RETURNING d.id, d.created_on, d.created_at, d.webhook_id, d.state
    ), released AS (
        INSERT INTO releases (webhook_id, per_second) SELECT DISTINCT webhook_id, $6::float8 FROM marked
        ON CONFLICT DO NOTHING
    )
    INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held, recovery_id)
    SELECT id, created_on, created_at, webhook_id, 'resume', state = 'held', $5 FROM marked ON CONFLICT DO NOTHING";

const REACHED: &str = "/* recover.marking.reached */
    UPDATE recoveries SET marked = marked + $2, found = greatest(found, marked + $2),
        reached_at = coalesce($3, reached_at), reached_id = coalesce($4, reached_id), all_marked = $5
    WHERE id = $1";

const TRIED: &str = "/* recover.marking.tried */ UPDATE recoveries SET tried_at = clock_timestamp() WHERE id = (
        SELECT id FROM recoveries WHERE finished_at IS NULL AND NOT all_marked ORDER BY tried_at LIMIT 1)";

/// A recovery is finished when all its deliveries were released.
const FINISH: &str = "/* recover.marking.finish */
    UPDATE recoveries r SET finished_at = now() WHERE finished_at IS NULL AND all_marked
    AND NOT EXISTS (SELECT FROM waiting_deliveries w WHERE w.recovery_id = r.id)";

impl Database {
    /// Processes a part of the oldest unfinished recovery, and returns how many deliveries it moved; `None` when there
    /// is no such recovery. Several processes share the work. `careful` is the initial release rate.
    pub async fn mark_recovered(&self, careful: domain::ReleaseRate) -> Result<Option<i64>, StoreError> {
        let mut connection = self.connection().await?;
        // Outside the transaction: after an error another recovery is next.
        connection.execute(TRIED, &[]).await?;
        let transaction = connection.transaction().await?;
        let Some(recovery) = transaction.query_opt(CLAIM, &[]).await? else {
            return Ok(None);
        };
        let step = step(&transaction, &recovery).await?;
        let ids: Vec<Uuid> = step.iter().map(|row| row.get("id")).collect();
        let days: Vec<Date> = step.iter().map(|row| row.get("created_on")).collect();
        let (id, requested_at): (Uuid, Timestamp) = (recovery.get("id"), recovery.get("requested_at"));
        let paused: bool = recovery.get("paused");
        let event_types: Option<Vec<&str>> = recovery.get("event_types");
        let rate = careful.per_second();
        let marked = transaction
            .execute(MARK, &[&ids, &days, &paused, &requested_at, &id, &rate, &event_types])
            .await?;
        let marked = i64::try_from(marked).unwrap_or(i64::MAX);
        let reached_at: Option<Timestamp> = step.last().map(|row| row.get("created_at"));
        let all_marked = i64::try_from(step.len()).unwrap_or(i64::MAX) < AT_ONCE;
        transaction
            .execute(REACHED, &[&id, &marked, &reached_at, &ids.last(), &all_marked])
            .await?;
        transaction.commit().await?;
        Ok(Some(marked))
    }

    /// Finishes the recoveries without entries in the outbox.
    pub async fn finish_recoveries(&self) -> Result<u64, StoreError> {
        self.connection().await?.execute(FINISH, &[]).await
    }
}

/// The next deliveries of a recovery.
async fn step(transaction: &Transaction<'_>, recovery: &Row) -> Result<Vec<Row>, StoreError> {
    let (account, webhook): (&str, Uuid) = (recovery.get("account"), recovery.get("webhook_id"));
    let (until, reached_at): (Timestamp, Timestamp) = (recovery.get("until"), recovery.get("reached_at"));
    let reached_id: Uuid = recovery.get("reached_id");
    let first = day_of(reached_at);
    let last = day_of(until);
    let limits: [&(dyn ToSql + Sync); 8] = [
        &account,
        &webhook,
        &first,
        &last,
        &until,
        &reached_at,
        &reached_id,
        &AT_ONCE,
    ];
    transaction.query(STEP, &limits).await
}
