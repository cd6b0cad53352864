//! Releases deliveries from the outbox to the broker, for the outbox relay.
//!
//! The transaction is committed when the broker has confirmed them: if a process dies in between, they stay in the
//! outbox. The rows are deleted before the jobs are published, so that a sender that spills one again at once waits for
//! the commit and then can insert its row.
//!
//! The statements that read the outbox are planned for each execution: it has no row now and 200,000 a moment later,
//! and a cached plan made for none scans all of them.

mod turn;

use std::time::Duration;

use domain::{DeliveryHead, ReleaseRate, Trigger, WebhookId};
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::connection::Transaction;
use crate::database::Database;
use crate::error::StoreError;
use turn::{Next, Turn, set_turn, turn};

/// The data for a delivery's job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The delivery.
    pub delivery: DeliveryHead,
    /// Attempts made.
    pub attempts: u32,
    /// Steps of the ladder used.
    pub step: u32,
    /// Why the attempt is made.
    pub trigger: Trigger,
    /// How long all its attempts have been deferred.
    pub deferred_for: Duration,
}

/// The result of a webhook's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// This many were published.
    Released(usize),
    /// It is not due, or another process is releasing it.
    NotNow,
    /// The broker did not confirm them; they stay in the outbox.
    NotPublished,
}

/// Webhooks with a due release: of each account the longest overdue first, then of each its second. An account has as many
/// turns as another, however many webhooks it has.
const DUE: &str = "/* release.due */ SELECT webhook_id FROM (
        SELECT r.webhook_id, r.next_at, row_number() OVER (PARTITION BY w.account ORDER BY r.next_at) AS turn
        FROM releases r LEFT JOIN webhooks w ON w.id = r.webhook_id WHERE r.next_at <= now()) AS due
    ORDER BY turn, next_at LIMIT $1";

/// Webhooks with outbox rows and no row in `releases`: a sender held a delivery before it knew of the resume, or spilled
/// one while the webhook's release ended. Paused webhooks only if they have rows that are not held yet, to hold them. One
/// index probe per webhook.
const MISSING: &str = "/* release.missing */ WITH RECURSIVE waiting AS (
        (SELECT webhook_id FROM waiting_deliveries ORDER BY webhook_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.webhook_id FROM waiting_deliveries d WHERE d.webhook_id > waiting.webhook_id
            ORDER BY d.webhook_id LIMIT 1)
        FROM waiting WHERE waiting.webhook_id IS NOT NULL
    )
    INSERT INTO releases (webhook_id, per_second)
    SELECT waiting.webhook_id, $1 FROM waiting LEFT JOIN webhooks w ON w.id = waiting.webhook_id
        LEFT JOIN releases r ON r.webhook_id = waiting.webhook_id
    WHERE waiting.webhook_id IS NOT NULL AND r.webhook_id IS NULL AND (w.paused_reason IS NULL OR EXISTS (
        SELECT FROM waiting_deliveries d WHERE d.webhook_id = waiting.webhook_id AND NOT d.held))
    ON CONFLICT DO NOTHING";

/// Byte budget of the payloads in one turn, for manual retries and others each. Four webhooks are released at once, and
/// each payload exists twice until its job is confirmed.
const TURN_BYTES: i64 = 4 * 1024 * 1024;

/// Claims the oldest of these rows, up to $2 rows and $3 bytes of payload; the first one whatever its size is. Deleted by
/// an array, not by a subquery: a subquery could run again for every row, and skip the rows deleted before each time, until
/// none is left.
macro_rules! take {
    ($name:literal, $rows:literal) => {
        concat!(
            "/* release.",
            $name,
            " */ WITH next AS (
                SELECT ctid, delivery_id, created_on, created_at FROM waiting_deliveries WHERE ",
            $rows,
            " ORDER BY created_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED
            ), sized AS (
                SELECT next.ctid, sum(octet_length(d.payload)) OVER (ORDER BY next.created_at, next.delivery_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
                FROM next LEFT JOIN deliveries d ON d.id = next.delivery_id AND d.created_on = next.created_on
            )
            DELETE FROM waiting_deliveries
            WHERE ctid = ANY (ARRAY(SELECT ctid FROM sized WHERE coalesce(bytes_before, 0) < $3))
            RETURNING delivery_id, created_on, trigger, held OR recovery_id IS NOT NULL AS spared, returned"
        )
    };
}

/// Manual retries go first.
const TAKE_MANUAL: &str = take!("take_manual", "webhook_id = $1 AND trigger = 'manual' AND NOT held");

const TAKE: &str = take!("take", "webhook_id = $1");

/// A re-spill lowers the release rate once. Clears `returned` on the rest of the webhook's rows, so that one congestion
/// event is not counted per row.
const CLEAR_RETURNED: &str = "/* release.clear_returned */
    UPDATE waiting_deliveries SET returned = false WHERE webhook_id = $1 AND returned";

/// Only deliveries that the log shows as held or queued are released. A delivery is not deferred while no relay runs.
const QUEUE: &str = "/* release.queue */
    UPDATE deliveries d SET state = 'queued', waiting = false, updated_at = now(), next_attempt_at = NULL,
        manual = taken.trigger = 'manual'
    FROM unnest($1::uuid[], $2::date[], $3::text[]) AS taken (id, created_on, trigger)
    WHERE d.id = taken.id AND d.created_on = taken.created_on AND d.state IN ('held', 'queued')
    RETURNING d.id, d.created_at, d.account, d.webhook_id, d.event_id, d.event_type, d.attempts, d.step, d.payload,
        d.traceparent, d.subject, taken.trigger, CASE WHEN d.deferred_since IS NULL THEN 0
            ELSE extract(epoch FROM now() - greatest(d.deferred_since, $4)) END::float8 AS deferred_for";

/// In an update of `releases`: when the webhook's next turn may be at the earliest, whatever asks for it. A webhook with a
/// limit of its own keeps the pace of its last turns, which is at least one a second.
macro_rules! next_turn_soon {
    () => {
        "least(releases.next_at, now() + coalesce((SELECT interval '1 second' FROM webhooks w
            WHERE w.id = releases.webhook_id AND w.max_per_second IS NOT NULL), interval '0'))"
    };
}
pub(crate) use next_turn_soon;

/// After an error: other webhooks first.
const POSTPONE: &str = "/* release.postpone */
    UPDATE releases SET next_at = now() + interval '10 seconds' WHERE webhook_id = $1";

/// Other webhooks that are due have their turns first.
const NEXT_IN_LINE: &str = "/* release.next_in_line */ UPDATE releases SET next_at = now() WHERE webhook_id = $1";

const ALL_RELEASED: &str = "/* release.all_released */ DELETE FROM releases WHERE webhook_id = $1";

/// Spilled and deferred deliveries of a paused webhook become held. A row whose delivery has ended meanwhile is deleted: it
/// would count as held. Returns the processed rows.
const HOLD: &str = "/* release.hold */ WITH hold AS (
        SELECT delivery_id, created_on FROM waiting_deliveries WHERE webhook_id = $1 AND NOT held
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), logged AS (
        UPDATE deliveries d SET state = 'held', deferred_since = NULL, updated_at = now() FROM hold
        WHERE d.id = hold.delivery_id AND d.created_on = hold.created_on AND d.state IN ('queued', 'held')
        RETURNING d.id, d.created_on
    ), held AS (
        UPDATE waiting_deliveries w SET held = true, returned = false FROM logged
        WHERE w.delivery_id = logged.id AND w.created_on = logged.created_on
    ), ended AS (
        DELETE FROM waiting_deliveries w USING hold
        WHERE w.delivery_id = hold.delivery_id AND w.created_on = hold.created_on
            AND NOT EXISTS (SELECT FROM logged WHERE logged.id = hold.delivery_id)
    )
    SELECT FROM hold";

/// The webhook was deleted.
const FAIL: &str = "/* release.fail */ WITH failed AS (
        DELETE FROM waiting_deliveries WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM waiting_deliveries WHERE webhook_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
        RETURNING delivery_id, created_on
    )
    UPDATE deliveries d SET state = 'failed', waiting = false, error = 'webhook deleted', updated_at = now() FROM failed
    WHERE d.id = failed.delivery_id AND d.created_on = failed.created_on AND d.state IN ('held', 'queued')";

/// Rows held or failed in one transaction.
const MOVED_AT_ONCE: i64 = 1000;

/// Rows deleted from the outbox.
#[derive(Default)]
struct Taken {
    ids: Vec<Uuid>,
    days: Vec<Date>,
    triggers: Vec<String>,
    spared: bool,
    returned: bool,
}

impl Database {
    /// Webhooks with a due release, at most `limit`.
    pub async fn due_releases(&self, limit: i64) -> Result<Vec<WebhookId>, StoreError> {
        let connection = self.connection().await?;
        let rows = connection.query_typed(DUE, &[(&limit, Type::INT8)]).await?;
        Ok(rows.iter().map(|row| WebhookId(row.get(0))).collect())
    }

    /// Postpones a webhook's release by ten seconds, after an error.
    pub async fn postpone_release(&self, webhook: WebhookId) -> Result<(), StoreError> {
        self.connection().await?.execute(POSTPONE, &[&webhook.0]).await?;
        Ok(())
    }

    /// Schedules releases for webhooks that have outbox rows but no release. Returns their number.
    pub async fn schedule_missing_releases(&self) -> Result<u64, StoreError> {
        let connection = self.connection().await?;
        connection.execute(MISSING, &[&ReleaseRate::START.per_second()]).await
    }

    /// Releases a webhook's next deliveries, oldest first, as many as its rate allows: passes them to `publish`, which
    /// runs within the transaction, and deletes them from the outbox when it returns true. `configured` is the maximum
    /// rate of held ones. Several processes share the work: each skips webhooks locked by another.
    ///
    /// # Errors
    /// Published ones are then published again.
    pub async fn release<F>(
        &self,
        webhook: WebhookId,
        configured: ReleaseRate,
        publish: impl FnOnce(Vec<Released>) -> F,
    ) -> Result<Release, StoreError>
    where
        F: Future<Output = bool>,
    {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let Some(turn) = turn(&transaction, webhook).await? else {
            return Ok(Release::NotNow);
        };
        if turn.deleted || turn.paused {
            put_away(&transaction, webhook, if turn.deleted { FAIL } else { HOLD }).await?;
            transaction.commit().await?;
            return Ok(Release::Released(0));
        }
        if !turn.wait.is_zero() {
            let rate = turn.next_rate(turn.absorption(false, false), configured);
            set_turn(&transaction, webhook, &turn, Next::After(turn.wait), rate).await?;
            transaction.commit().await?;
            return Ok(Release::NotNow);
        }
        let taken = take(&transaction, webhook, &turn).await?;
        if taken.ids.is_empty() {
            transaction.execute(ALL_RELEASED, &[&webhook.0]).await?;
            transaction.commit().await?;
            return Ok(Release::Released(0));
        }
        let released = queue(&transaction, &taken, &turn).await?;
        let count = released.len();
        if !released.is_empty() && !publish(released).await {
            return Ok(Release::NotPublished);
        }
        let rate = turn.next_rate(turn.absorption(taken.spared, taken.returned), configured);
        let wait = rate.until_next(u32::try_from(count).unwrap_or(u32::MAX));
        if taken.returned {
            transaction
                .execute_typed(CLEAR_RETURNED, &[(&webhook.0, Type::UUID)])
                .await?;
        }
        set_turn(&transaction, webhook, &turn, Next::KeepingPace(wait), rate).await?;
        transaction.commit().await?;
        Ok(Release::Released(count))
    }
}

/// Holds or fails a part; when none is left, the release is finished.
async fn put_away(transaction: &Transaction<'_>, webhook: WebhookId, statement: &str) -> Result<(), StoreError> {
    let moved = transaction.execute(statement, &[&webhook.0, &MOVED_AT_ONCE]).await?;
    transaction
        .execute(if moved == 0 { ALL_RELEASED } else { NEXT_IN_LINE }, &[&webhook.0])
        .await?;
    Ok(())
}

/// A batch of manual retries and one of others; where the webhook has a limit of its own, a batch of both together.
async fn take(transaction: &Transaction<'_>, webhook: WebhookId, turn: &Turn) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let batch = turn.batch();
    let rows = async |statement: &str, limit: i64| {
        let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
            (&webhook.0, Type::UUID),
            (&limit, Type::INT8),
            (&TURN_BYTES, Type::INT8),
        ];
        transaction.query_typed(statement, &parameters).await
    };
    let manual;
    let others;
    if turn.is_limited() {
        manual = rows(TAKE_MANUAL, batch).await?;
        others = rows(TAKE, batch - i64::try_from(manual.len()).unwrap_or(batch)).await?;
    } else {
        (manual, others) = tokio::try_join!(rows(TAKE_MANUAL, batch), rows(TAKE, batch))?;
    }
    for row in manual.iter().chain(&others) {
        taken.ids.push(row.get("delivery_id"));
        taken.days.push(row.get("created_on"));
        taken.triggers.push(row.get("trigger"));
        taken.spared |= row.get::<_, bool>("spared");
        taken.returned |= row.get::<_, bool>("returned");
    }
    Ok(taken)
}

async fn queue(transaction: &Transaction<'_>, taken: &Taken, turn: &Turn) -> Result<Vec<Released>, StoreError> {
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&taken.ids, Type::UUID_ARRAY),
        (&taken.days, Type::DATE_ARRAY),
        (&taken.triggers, Type::TEXT_ARRAY),
        (&turn.attended_since, Type::TIMESTAMPTZ),
    ];
    let rows = transaction.query_typed(QUEUE, &parameters).await?;
    let mut released = rows.iter().map(released).collect::<Result<Vec<_>, _>>()?;
    released.sort_by_key(|released| (released.delivery.accepted_at, released.delivery.id.as_uuid()));
    Ok(released)
}

pub(crate) fn released(row: &Row) -> Result<Released, StoreError> {
    let number = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
    let delivery = DeliveryHead {
        id: row.get::<_, Uuid>("id").into(),
        webhook: WebhookId(row.get("webhook_id")),
        account: row
            .get::<_, &str>("account")
            .parse()
            .map_err(|_| StoreError::UnknownValue("account"))?,
        event_id: row.get("event_id"),
        event_type: row.get("event_type"),
        subject: row.get("subject"),
        accepted_at: row.get("created_at"),
        payload: row.get::<_, Vec<u8>>("payload").into(),
        traceparent: row.get("traceparent"),
    };
    Ok(Released {
        delivery,
        attempts: number("attempts"),
        step: number("step"),
        trigger: row
            .get::<_, &str>("trigger")
            .parse()
            .map_err(|_| StoreError::UnknownValue("trigger"))?,
        deferred_for: Duration::try_from_secs_f64(row.get("deferred_for")).unwrap_or_default(),
    })
}
