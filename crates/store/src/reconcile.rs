//! Deliveries whose retry is long overdue: the broker lost it, or holds it and does not let it go.

use jiff::SignedDuration;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;
use crate::release::{Released, released};

/// The step that the retry uses was not written yet when the attempt before it was.
const CLAIM: &str =
    "SELECT id, created_at, account, webhook_id, event_id, event_type, attempts, step + 1 AS step, payload, traceparent,
        'retry' AS trigger
    FROM deliveries WHERE state = 'retrying' AND next_attempt_at < now() - make_interval(secs => $1)
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED";

/// Overdue again after as long again as nothing has come of it: while senders are away or behind, the broker keeps what it
/// was given, and must not be given the same every few minutes.
const PUBLISHED: &str = "UPDATE deliveries SET next_attempt_at = now() + (now() - updated_at)
    WHERE (id, created_on) IN (SELECT * FROM unnest($1::uuid[], $2::date[]))";

/// On its way to a sender for so long that the broker may have lost it, and nothing in Postgres would send it. Back to
/// the relay; a job that was not lost after all finds its attempt made.
///
/// As above, one that has been on its way for long is given more time.
const REQUEUE: &str = "WITH lost AS (
        SELECT id, created_on, created_at, webhook_id FROM deliveries d
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
    SELECT id, created_on, created_at, webhook_id, 'resume', false FROM lost ON CONFLICT DO NOTHING";

impl Database {
    /// Gives deliveries that have been on their way to a sender for longer than `by` back to the relay, at most `limit`.
    /// Returns how many there were.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn requeue_lost(&self, by: SignedDuration, limit: i64) -> Result<u64, StoreError> {
        let pace = domain::ReleasePace::START.per_second();
        Ok(self.connection().await?.execute(REQUEUE, &[&by.as_secs_f64(), &limit, &pace]).await?)
    }

    /// Hands the deliveries overdue by more than `by` to `publish`, at most `limit` of them, most overdue first, and marks
    /// them when it returns true. Returns how many were published. They stay locked meanwhile; several processes share the
    /// work, since each skips what another has locked.
    ///
    /// # Errors
    /// When the database is away or refuses; what was published is then published again.
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
        let ids: Vec<_> = overdue.iter().map(|delivery| delivery.delivery.as_uuid()).collect();
        let days: Vec<_> = overdue.iter().map(|delivery| day_of(delivery.created_at)).collect();
        if overdue.is_empty() || !publish(overdue).await {
            return Ok(0);
        }
        transaction.execute(PUBLISHED, &[&ids, &days]).await?;
        transaction.commit().await?;
        Ok(ids.len())
    }
}
