//! Working through recoveries: the relay marks failed deliveries as waiting, some at a time.

use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// Deliveries looked at in one transaction.
const STEP: i64 = 1000;

const CLAIM: &str = "SELECT id FROM recoveries WHERE finished_at IS NULL AND NOT all_marked
    ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED";

/// The next failed ones in the order of their creation. What failed again since it was asked for was recovered already.
/// A webhook that is gone has nothing to be marked; one that is paused holds what is marked.
const MARK: &str = "WITH recovery AS (
        SELECT r.*, w.paused_reason IS NOT NULL AS paused FROM recoveries r JOIN webhooks w ON w.id = r.webhook_id
        WHERE r.id = $1
    ), step AS (
        SELECT d.id, d.created_on, d.created_at, d.updated_at FROM deliveries d, recovery r
        WHERE d.account = r.account AND d.webhook_id = r.webhook_id AND d.state = 'failed' AND NOT d.test
            AND d.created_on >= (r.reached_at AT TIME ZONE 'UTC')::date
            AND d.created_on <= (r.until AT TIME ZONE 'UTC')::date AND d.created_at < r.until
            AND (d.created_on, d.created_at, d.id) >
                ((r.reached_at AT TIME ZONE 'UTC')::date, r.reached_at, r.reached_id)
        ORDER BY d.created_on, d.created_at, d.id LIMIT $2
    ), marked AS (
        UPDATE deliveries d SET state = CASE WHEN r.paused THEN 'held' ELSE 'queued' END, step = 0, updated_at = now()
        FROM step, recovery r
        WHERE d.id = step.id AND d.created_on = step.created_on AND d.state = 'failed'
            AND step.updated_at <= r.requested_at
        RETURNING d.id, d.created_on, d.created_at, d.webhook_id, d.state
    ), waiting AS (
        INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held, recovery_id)
        SELECT id, created_on, created_at, webhook_id, 'resume', state = 'held', $1 FROM marked ON CONFLICT DO NOTHING
    ), released AS (
        INSERT INTO releases (webhook_id, per_second) SELECT DISTINCT webhook_id, $3::float8 FROM marked
        ON CONFLICT DO NOTHING
    )
    UPDATE recoveries r SET marked = r.marked + (SELECT count(*) FROM marked),
        found = greatest(r.found, r.marked + (SELECT count(*) FROM marked)),
        reached_at = coalesce((SELECT created_at FROM step ORDER BY created_at DESC, id DESC LIMIT 1), r.reached_at),
        reached_id = coalesce((SELECT id FROM step ORDER BY created_at DESC, id DESC LIMIT 1), r.reached_id),
        all_marked = (SELECT count(*) FROM step) < $2
    WHERE r.id = $1 RETURNING (SELECT count(*) FROM marked)";

/// A recovery is over when a sender has, or had, every delivery that it marked.
const FINISH: &str = "UPDATE recoveries r SET finished_at = now() WHERE finished_at IS NULL AND all_marked
    AND NOT EXISTS (SELECT FROM waiting_deliveries w WHERE w.recovery_id = r.id)";

impl Database {
    /// Marks some deliveries of the oldest recovery that has any left, and returns how many; `None` when there is no
    /// such recovery. Several processes share the work. `careful` is the pace of their release to begin with.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn mark_recovered(&self, careful: domain::ReleasePace) -> Result<Option<i64>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let claim = transaction.prepare_cached(CLAIM).await?;
        let Some(row) = transaction.query_opt(&claim, &[]).await? else { return Ok(None) };
        let recovery: Uuid = row.get(0);
        let mark = transaction.prepare_cached(MARK).await?;
        let marked = transaction.query_one(&mark, &[&recovery, &STEP, &careful.per_second()]).await?.get(0);
        transaction.commit().await?;
        Ok(Some(marked))
    }

    /// Ends the recoveries of which nothing waits any more.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn finish_recoveries(&self) -> Result<u64, StoreError> {
        Ok(self.connection().await?.execute(FINISH, &[]).await?)
    }
}
