//! Reconciles: finds overdue retries that the broker lost or does not dead-letter, and released deliveries that were
//! lost.

use jiff::SignedDuration;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;
use crate::release::{Released, released};

/// The row has the step of the attempt before the retry, so the retry uses one step more.
const CLAIM: &str = "/* reconcile.claim */
    SELECT id, created_at, account, webhook_id, event_id, event_type, attempts, step + 1 AS step, payload, traceparent,
        subject, 'retry' AS trigger, 0::float8 AS deferred_for
    FROM deliveries WHERE state = 'retrying' AND next_attempt_at < now() - make_interval(secs => $1)
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED";

/// Due again after as long again: while senders are stopped or slow, the broker keeps what was published, and must not
/// get duplicates every few minutes.
const PUBLISHED: &str = "/* reconcile.published */ UPDATE deliveries SET next_attempt_at = now() + (now() - updated_at)
    WHERE (id, created_on) IN (SELECT * FROM unnest($1::uuid[], $2::date[]))";

/// Released so long ago that the broker may have lost it, and nothing in PostgreSQL would publish it. Back to the
/// outbox; if the job was not lost after all, its duplicate is skipped.
///
/// With the trigger of its release. As above, a delivery that was released long ago gets more time.
const REQUEUE: &str = "/* reconcile.requeue */ WITH lost AS (
        SELECT id, created_on, created_at, webhook_id, manual FROM deliveries d
        WHERE state = 'queued' AND NOT waiting AND updated_at < now() - make_interval(secs => $1)
            AND updated_at < now() - least(updated_at - created_at, interval '6 hours')
        ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), touched AS (
        UPDATE deliveries d SET updated_at = now(), waiting = true FROM lost
        WHERE d.id = lost.id AND d.created_on = lost.created_on
    ), released AS (
        INSERT INTO releases (webhook_id, per_second) SELECT DISTINCT webhook_id, $3::float8 FROM lost
        ORDER BY webhook_id ON CONFLICT DO NOTHING
    )
    INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held)
    SELECT id, created_on, created_at, webhook_id, CASE WHEN manual THEN 'manual' ELSE 'resume' END, false FROM lost
    ON CONFLICT DO NOTHING";

impl Database {
    /// Puts deliveries that were released longer than `by` ago back into the outbox, at most `limit`. Returns their
    /// number.
    pub async fn requeue_lost(&self, by: SignedDuration, limit: i64) -> Result<u64, StoreError> {
        let rate = domain::ReleaseRate::START.per_second();
        self.connection()
            .await?
            .execute(REQUEUE, &[&by.as_secs_f64(), &limit, &rate])
            .await
    }

    /// Passes the deliveries overdue by more than `by` to `publish`, at most `limit` of them, most overdue first, and
    /// marks them when it returns true. Returns how many were published. They stay locked meanwhile; several processes
    /// share the work, since each skips rows locked by another.
    ///
    /// # Errors
    /// Published ones are then published again.
    pub async fn republish_overdue<F>(
        &self,
        by: SignedDuration,
        limit: i64,
        publish: impl FnOnce(Vec<Released>) -> F,
    ) -> Result<usize, StoreError>
    where
        F: Future<Output = bool>,
    {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let rows = transaction.query(CLAIM, &[&by.as_secs_f64(), &limit]).await?;
        let overdue = rows.iter().map(released).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<_> = overdue.iter().map(|released| released.delivery.id.as_uuid()).collect();
        let days: Vec<_> = overdue
            .iter()
            .map(|released| day_of(released.delivery.accepted_at))
            .collect();
        if overdue.is_empty() || !publish(overdue).await {
            return Ok(0);
        }
        transaction.execute(PUBLISHED, &[&ids, &days]).await?;
        transaction.commit().await?;
        Ok(ids.len())
    }
}
