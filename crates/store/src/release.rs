//! Taking waiting deliveries out, for the one relay that hands them to the broker.
//!
//! Taken in a transaction that is committed when the broker has confirmed them: a process that dies in between leaves
//! them waiting. The rows are removed before the jobs are published, so that a sender that puts one aside again at once
//! waits for the commit and then finds room for its row.
//!
//! The statements that read lists are planned each time they are run: a list has no row now and 200,000 a moment later,
//! and a plan that was made for none and is kept reads all of them from one end to the other.

use std::time::Duration;

use deadpool_postgres::Transaction;
use domain::{Absorption, AccountName, DeliveryId, ReleasePace, Trigger, WebhookId};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// What is needed to make a job of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When its event was accepted.
    pub created_at: Timestamp,
    /// Tenant that owns the webhook.
    pub account: AccountName,
    /// Whom it is for.
    pub webhook: WebhookId,
    /// CloudEvents id of the event.
    pub event_id: String,
    /// Name of the event's type.
    pub event_type: String,
    /// Attempts made.
    pub attempts: u32,
    /// Steps of the ladder used.
    pub step: u32,
    /// Why the attempt is made.
    pub trigger: Trigger,
    /// Exact bytes to post and to sign.
    pub payload: Vec<u8>,
    /// W3C trace context of the event.
    pub traceparent: Option<String>,
}

/// What a look at a webhook's waiting deliveries came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// So many were handed to the broker.
    Released(usize),
    /// Its turn has not come, or another process is at it.
    NotNow,
    /// The broker did not take them; they wait on.
    NotPublished,
}

/// Webhooks whose turn has come, those that wait longest first.
const DUE: &str = "SELECT webhook_id FROM releases WHERE next_at <= now() ORDER BY next_at LIMIT $1";

/// Waiting deliveries of webhooks that are not paused, for which nobody asked for a release: a sender held them because
/// it had not heard of the resume yet. One probe of the index a webhook.
const FORGOTTEN: &str = "WITH RECURSIVE waiting AS (
        (SELECT webhook_id FROM waiting_deliveries ORDER BY webhook_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.webhook_id FROM waiting_deliveries d WHERE d.webhook_id > waiting.webhook_id
            ORDER BY d.webhook_id LIMIT 1)
        FROM waiting WHERE waiting.webhook_id IS NOT NULL
    )
    INSERT INTO releases (webhook_id, per_second)
    SELECT waiting.webhook_id, $1 FROM waiting LEFT JOIN webhooks w ON w.id = waiting.webhook_id
    WHERE waiting.webhook_id IS NOT NULL AND w.paused_reason IS NULL
    ON CONFLICT DO NOTHING";

const TURN: &str = "SELECT r.per_second, extract(epoch FROM now() - r.next_at)::float8 AS late,
        w.id IS NULL AS deleted, w.paused_reason IS NOT NULL AS paused,
        coalesce(w.failed_attempts > 0, false) AS failing
    FROM releases r LEFT JOIN webhooks w ON w.id = r.webhook_id
    WHERE r.webhook_id = $1 AND r.next_at <= now() FOR UPDATE OF r SKIP LOCKED";

/// What people asked for goes first. Of an array, not of a subquery: that could be run again for every row, and skip
/// each time what was removed already, until nothing is left.
const TAKE_MANUAL: &str = "DELETE FROM waiting_deliveries WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM waiting_deliveries WHERE webhook_id = $1 AND trigger = 'manual' AND NOT held
        ORDER BY created_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING delivery_id, created_on, trigger, held OR recovery_id IS NOT NULL AS spared, returned";

const TAKE: &str = "DELETE FROM waiting_deliveries WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM waiting_deliveries WHERE webhook_id = $1
        ORDER BY created_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING delivery_id, created_on, trigger, held OR recovery_id IS NOT NULL AS spared, returned";

/// What came back is a sign once. Others of the same moment, still waiting, must not slow their webhook down for as long as
/// it takes to release them all.
const FORGET_RETURNED: &str = "UPDATE waiting_deliveries SET returned = false WHERE webhook_id = $1 AND returned";

/// What the log does not show as waiting (any more) is not sent.
const QUEUE: &str =
    "UPDATE deliveries d SET state = 'queued', waiting = false, updated_at = now(), next_attempt_at = NULL
    FROM unnest($1::uuid[], $2::date[], $3::text[]) AS taken (id, created_on, trigger)
    WHERE d.id = taken.id AND d.created_on = taken.created_on AND d.state IN ('held', 'queued')
    RETURNING d.id, d.created_at, d.account, d.webhook_id, d.event_id, d.event_type, d.attempts, d.step, d.payload,
        d.traceparent, taken.trigger";

/// Counted from when this turn was due, so that the pace is kept on average; not from longer ago than a second, or what
/// was missed would come at once.
const NEXT_TURN: &str = "UPDATE releases SET per_second = $2,
        next_at = greatest(next_at, now() - interval '1 second') + make_interval(secs => $3)
    WHERE webhook_id = $1";

/// After an error: others come first, and this one is tried again.
const POSTPONE: &str = "UPDATE releases SET next_at = now() + interval '10 seconds' WHERE webhook_id = $1";

const ALL_RELEASED: &str = "DELETE FROM releases WHERE webhook_id = $1";

/// What waits for its turn when the webhook is paused is held from then on, like everything else.
const HOLD: &str = "WITH hold AS (
        SELECT delivery_id, created_on FROM waiting_deliveries WHERE webhook_id = $1 AND NOT held
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), logged AS (
        UPDATE deliveries d SET state = 'held', updated_at = now() FROM hold
        WHERE d.id = hold.delivery_id AND d.created_on = hold.created_on AND d.state = 'queued'
    )
    UPDATE waiting_deliveries w SET held = true, returned = false FROM hold
    WHERE w.delivery_id = hold.delivery_id AND w.created_on = hold.created_on";

/// Their webhook is gone.
const FAIL: &str = "WITH failed AS (
        DELETE FROM waiting_deliveries WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM waiting_deliveries WHERE webhook_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
        RETURNING delivery_id, created_on
    )
    UPDATE deliveries d SET state = 'failed', waiting = false, error = 'webhook deleted', updated_at = now() FROM failed
    WHERE d.id = failed.delivery_id AND d.created_on = failed.created_on AND d.state IN ('held', 'queued')";

/// Rows held or failed in one transaction.
const MOVED_AT_ONCE: i64 = 1000;

/// A turn of a webhook, locked.
struct Turn {
    pace: ReleasePace,
    late: Duration,
    deleted: bool,
    paused: bool,
    failing: bool,
}

/// Waiting rows taken out.
#[derive(Default)]
struct Taken {
    ids: Vec<Uuid>,
    days: Vec<Date>,
    triggers: Vec<String>,
    spared: bool,
    returned: bool,
}

impl Database {
    /// Webhooks of which something may be released now, at most `limit`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn due_releases(&self, limit: i64) -> Result<Vec<WebhookId>, StoreError> {
        let connection = self.connection().await?;
        let rows = connection.query_typed(DUE, &[(&limit, Type::INT8)]).await?;
        Ok(rows.iter().map(|row| WebhookId(row.get(0))).collect())
    }

    /// Lets a webhook wait for ten seconds, because releasing to it failed.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn postpone_release(&self, webhook: WebhookId) -> Result<(), StoreError> {
        self.connection().await?.execute(POSTPONE, &[&webhook.0]).await?;
        Ok(())
    }

    /// Asks for the release of what waits for webhooks that are not paused, and that nobody asked for. Returns for how
    /// many.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn release_forgotten(&self) -> Result<u64, StoreError> {
        let connection = self.connection().await?;
        Ok(connection.execute(FORGOTTEN, &[&ReleasePace::START.per_second()]).await?)
    }

    /// Hands a webhook's next waiting deliveries to `publish`, oldest first, as many as its pace allows, and takes them
    /// off the list when it returns true. `configured` is the pace of held ones at most. Several processes share the
    /// work: each skips the webhooks that another is at.
    ///
    /// # Errors
    /// When the database is away or refuses; what was published is then published again.
    pub async fn release<F>(
        &self,
        webhook: WebhookId,
        configured: ReleasePace,
        publish: impl FnOnce(Vec<Released>) -> F,
    ) -> Result<Release, StoreError>
    where
        F: Future<Output = bool>,
    {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let Some(turn) = turn(&transaction, webhook).await? else { return Ok(Release::NotNow) };
        if turn.deleted || turn.paused {
            put_away(&transaction, webhook, if turn.deleted { FAIL } else { HOLD }).await?;
            transaction.commit().await?;
            return Ok(Release::Released(0));
        }
        let taken = take(&transaction, webhook, i64::from(turn.pace.batch(turn.late))).await?;
        if taken.ids.is_empty() {
            transaction.execute(ALL_RELEASED, &[&webhook.0]).await?;
            transaction.commit().await?;
            return Ok(Release::Released(0));
        }
        let released = queue(&transaction, &taken).await?;
        let count = released.len();
        if !released.is_empty() && !publish(released).await {
            return Ok(Release::NotPublished);
        }
        let seen = Absorption { returned: taken.returned, failing: turn.failing, spared: taken.spared };
        let pace = turn.pace.next(seen, configured);
        let wait = pace.until_next(u32::try_from(count).unwrap_or(u32::MAX)).as_secs_f64();
        if seen.returned {
            transaction.execute_typed(FORGET_RETURNED, &[(&webhook.0, Type::UUID)]).await?;
        }
        let next_turn: [(&(dyn ToSql + Sync), Type); 3] =
            [(&webhook.0, Type::UUID), (&pace.per_second(), Type::FLOAT8), (&wait, Type::FLOAT8)];
        transaction.execute_typed(NEXT_TURN, &next_turn).await?;
        transaction.commit().await?;
        Ok(Release::Released(count))
    }
}

async fn turn(transaction: &Transaction<'_>, webhook: WebhookId) -> Result<Option<Turn>, StoreError> {
    let rows = transaction.query_typed(TURN, &[(&webhook.0, Type::UUID)]).await?;
    Ok(rows.first().map(|row| Turn {
        pace: ReleasePace::new(row.get("per_second")),
        late: Duration::try_from_secs_f64(row.get("late")).unwrap_or_default(),
        deleted: row.get("deleted"),
        paused: row.get("paused"),
        failing: row.get("failing"),
    }))
}

/// Holds or fails some; when none is left, the webhook's turn is over.
async fn put_away(transaction: &Transaction<'_>, webhook: WebhookId, statement: &str) -> Result<(), StoreError> {
    if transaction.execute(statement, &[&webhook.0, &MOVED_AT_ONCE]).await? == 0 {
        transaction.execute(ALL_RELEASED, &[&webhook.0]).await?;
    }
    Ok(())
}

async fn take(transaction: &Transaction<'_>, webhook: WebhookId, limit: i64) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&webhook.0, Type::UUID), (&limit, Type::INT8)];
    let (manual, others) = tokio::try_join!(
        transaction.query_typed(TAKE_MANUAL, &parameters),
        transaction.query_typed(TAKE, &parameters),
    )?;
    for row in manual.iter().chain(&others) {
        taken.ids.push(row.get("delivery_id"));
        taken.days.push(row.get("created_on"));
        taken.triggers.push(row.get("trigger"));
        taken.spared |= row.get::<_, bool>("spared");
        taken.returned |= row.get::<_, bool>("returned");
    }
    Ok(taken)
}

async fn queue(transaction: &Transaction<'_>, taken: &Taken) -> Result<Vec<Released>, StoreError> {
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&taken.ids, Type::UUID_ARRAY), (&taken.days, Type::DATE_ARRAY), (&taken.triggers, Type::TEXT_ARRAY)];
    let rows = transaction.query_typed(QUEUE, &parameters).await?;
    let mut released = rows.iter().map(released).collect::<Result<Vec<_>, _>>()?;
    released.sort_by_key(|delivery| (delivery.created_at, delivery.delivery.as_uuid()));
    Ok(released)
}

pub(crate) fn released(row: &Row) -> Result<Released, StoreError> {
    let number = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
    Ok(Released {
        delivery: row.get::<_, Uuid>("id").into(),
        created_at: row.get("created_at"),
        account: row.get::<_, &str>("account").parse().map_err(|_| StoreError::UnknownValue("account"))?,
        webhook: WebhookId(row.get("webhook_id")),
        event_id: row.get("event_id"),
        event_type: row.get("event_type"),
        attempts: number("attempts"),
        step: number("step"),
        trigger: row.get::<_, &str>("trigger").parse().map_err(|_| StoreError::UnknownValue("trigger"))?,
        payload: row.get("payload"),
        traceparent: row.get("traceparent"),
    })
}
