//! A webhook's turn in the outbox relay: its health, its signals, and the time of the next turn.

use std::time::Duration;

use crate::connection::Transaction;
use domain::release_rate::RELEASE_INTERVAL;
use domain::{Absorption, ReleaseRate, Throttled, WebhookId};
use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};

use crate::error::StoreError;

/// Consumes the signals of senders since the last turn.
const TURN: &str = "/* release.turn.turn */ WITH turn AS (
        SELECT r.webhook_id, r.per_second, extract(epoch FROM now() - r.next_at)::float8 AS late,
            w.id IS NULL AS deleted, w.paused_reason IS NOT NULL AS paused, w.max_per_second,
            coalesce(w.failed_attempts > 0, false) AS failing,
            coalesce(r.throttled_at > now() - interval '10 minutes', false) AS throttled_lately,
            CASE WHEN r.next_at < now() - interval '10 minutes' THEN now() ELSE r.attended_since END AS attended_since
        FROM releases r LEFT JOIN webhooks w ON w.id = r.webhook_id
        WHERE r.webhook_id = $1 AND r.next_at <= now() FOR UPDATE OF r SKIP LOCKED
    ), signals AS (
        DELETE FROM release_signals s USING turn WHERE s.webhook_id = turn.webhook_id RETURNING s.kind, s.wait_until
    ), signalled AS (
        SELECT coalesce(bool_or(kind = 'throttled'), false) AS throttled,
            coalesce(bool_or(kind = 'local_error'), false) AS local_error,
            coalesce(bool_or(kind = 'crowded'), false) AS crowded,
            greatest(coalesce(extract(epoch FROM max(wait_until) - now()), 0), 0)::float8 AS wait
        FROM signals
    )
    SELECT turn.*, signalled.* FROM turn CROSS JOIN signalled";

/// Counted from the due time of this turn, so that the average rate is kept; at most from $6 seconds ago, or missed turns
/// would be made up at once.
const NEXT_TURN: &str = "/* release.turn.next_turn */ UPDATE releases SET per_second = $2,
        next_at = greatest(next_at, now() - make_interval(secs => $6)) + make_interval(secs => $3),
        throttled_at = CASE WHEN $4 THEN now() ELSE throttled_at END, attended_since = $5
    WHERE webhook_id = $1";

/// How late a turn may be and still be counted from its due time.
const MADE_UP: Duration = Duration::from_secs(1);

/// For a receiver's `Retry-After`, or during a local error.
const WAIT: &str = "/* release.turn.wait */
    UPDATE releases SET per_second = $2, next_at = now() + make_interval(secs => $3),
        throttled_at = CASE WHEN $4 THEN now() ELSE throttled_at END, attended_since = $5
    WHERE webhook_id = $1";

/// A webhook's turn, locked.
pub(super) struct Turn {
    pub(super) rate: ReleaseRate,
    /// The webhook's own limit.
    max_per_second: Option<i32>,
    late: Duration,
    pub(super) deleted: bool,
    pub(super) paused: bool,
    failing: bool,
    throttled: Throttled,
    local_error: bool,
    crowded: bool,
    /// After a long gap without turns: when they began again.
    pub(super) attended_since: Option<Timestamp>,
    /// Nothing may be released for this long.
    pub(super) wait: Duration,
}

/// At most the webhook's own limit.
fn limited(rate: ReleaseRate, max_per_second: Option<i32>) -> ReleaseRate {
    match max_per_second {
        Some(most) if rate.per_second() > f64::from(most) => ReleaseRate::new(f64::from(most)),
        _ => rate,
    }
}

impl Turn {
    /// Whether the webhook has a limit of its own, which late turns must not exceed by making up for missed ones.
    pub(super) const fn is_limited(&self) -> bool {
        self.max_per_second.is_some()
    }

    /// Deliveries to release in this turn, at most.
    pub(super) fn batch(&self) -> i64 {
        let late = if self.is_limited() { Duration::ZERO } else { self.late };
        i64::from(self.rate.batch(late))
    }

    /// The rate after this turn, within the webhook's own limit.
    pub(super) fn next_rate(&self, absorption: Absorption, configured: ReleaseRate) -> ReleaseRate {
        limited(self.rate.next(absorption, configured), self.max_per_second)
    }

    /// `spared` and `returned` describe the released batch.
    pub(super) fn absorption(&self, spared: bool, returned: bool) -> Absorption {
        Absorption {
            returned: returned || self.local_error,
            failing: self.failing,
            spared,
            crowded: self.crowded,
            throttled: self.throttled,
        }
    }
}

/// The time of the next turn.
pub(super) enum Next {
    /// After this long, counted from the due time of this one.
    KeepingPace(Duration),
    /// After this long from now.
    After(Duration),
}

pub(super) async fn turn(transaction: &Transaction<'_>, webhook: WebhookId) -> Result<Option<Turn>, StoreError> {
    let rows = transaction.query_typed(TURN, &[(&webhook.0, Type::UUID)]).await?;
    Ok(rows.first().map(|row| Turn {
        rate: limited(ReleaseRate::new(row.get("per_second")), row.get("max_per_second")),
        max_per_second: row.get("max_per_second"),
        late: Duration::try_from_secs_f64(row.get("late")).unwrap_or_default(),
        deleted: row.get("deleted"),
        paused: row.get("paused"),
        failing: row.get("failing"),
        throttled: match (row.get("throttled"), row.get("throttled_lately")) {
            (true, _) => Throttled::Now,
            (false, true) => Throttled::Lately,
            (false, false) => Throttled::No,
        },
        local_error: row.get("local_error"),
        crowded: row.get("crowded"),
        attended_since: row.get("attended_since"),
        wait: Duration::try_from_secs_f64(row.get("wait")).unwrap_or_default(),
    }))
}

pub(super) async fn set_turn(
    transaction: &Transaction<'_>,
    webhook: WebhookId,
    turn: &Turn,
    next: Next,
    rate: ReleaseRate,
) -> Result<(), StoreError> {
    let (Next::KeepingPace(wait) | Next::After(wait)) = next;
    let made_up = if turn.is_limited() { RELEASE_INTERVAL } else { MADE_UP };
    let per_second = rate.per_second();
    let wait = wait.as_secs_f64();
    let throttled = turn.throttled == Throttled::Now;
    let made_up = made_up.as_secs_f64();
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (&webhook.0, Type::UUID),
        (&per_second, Type::FLOAT8),
        (&wait, Type::FLOAT8),
        (&throttled, Type::BOOL),
        (&turn.attended_since, Type::TIMESTAMPTZ),
        (&made_up, Type::FLOAT8),
    ];
    match next {
        Next::KeepingPace(_) => transaction.execute_typed(NEXT_TURN, &parameters).await?,
        Next::After(_) => transaction.execute_typed(WAIT, &parameters[..5]).await?,
    };
    Ok(())
}
