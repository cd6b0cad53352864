//! Compacts counters that are written as changes, so that reading them stays cheap.

use crate::database::Database;
use crate::error::StoreError;

/// One process at a time, for as long as its transaction.
const TRY_LOCK: &str = "/* counts.try_lock */ SELECT pg_try_advisory_xact_lock(hashtext('easycrm webhooks counts'))";

const SUM_HELD: &str = "/* counts.sum_held */ WITH several AS (
        SELECT webhook_id FROM held_counts GROUP BY webhook_id HAVING count(*) > 1 OR sum(held) = 0 LIMIT 5000
    ), removed AS (
        DELETE FROM held_counts c USING several s WHERE c.webhook_id = s.webhook_id RETURNING c.webhook_id, c.held
    )
    INSERT INTO held_counts SELECT webhook_id, sum(held) FROM removed GROUP BY webhook_id HAVING sum(held) <> 0";

/// Only of the last hours: older ones were compacted before.
const SUM_ATTEMPTS: &str = "/* counts.sum_attempts */ WITH several AS (
        SELECT webhook_id, hour FROM attempt_counts WHERE hour > now() - interval '3 hours'
        GROUP BY webhook_id, hour HAVING count(*) > 1 LIMIT 5000
    ), removed AS (
        DELETE FROM attempt_counts c USING several s WHERE c.webhook_id = s.webhook_id AND c.hour = s.hour RETURNING c.*
    )
    INSERT INTO attempt_counts SELECT webhook_id, hour, sum(delivered), sum(failed), sum(retried), sum(response_time_ms)
    FROM removed GROUP BY webhook_id, hour";

/// Signals that ended a day ago; their webhooks had no release since.
const DELETE_SIGNALS: &str = "/* counts.delete_signals */ DELETE FROM release_signals WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM release_signals WHERE wait_until < now() - interval '1 day' LIMIT 5000))";

impl Database {
    /// Compacts the counters; false when another process is doing it.
    pub async fn sum_up_counts(&self) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !transaction.query_one(TRY_LOCK, &[]).await?.get::<_, bool>(0) {
            return Ok(false);
        }
        for statement in [SUM_HELD, SUM_ATTEMPTS, DELETE_SIGNALS] {
            transaction.execute(statement, &[]).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
