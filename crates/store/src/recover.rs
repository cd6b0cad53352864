//! Manual retry and recovery: sending deliveries again on request, one that has ended or all failed ones of a time range.

mod marking;

use std::fmt;

use domain::{AccountName, AuditAction, DeliveryId, EventTypeSet, WebhookId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::database::Database;
use crate::delivery_log::{Delivery, delivery};
use crate::error::StoreError;
use crate::partitions::day_of;
use crate::release::next_turn_soon;
use crate::webhooks::names;

/// The result of a manual retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// It is in the outbox.
    Accepted(Box<Delivery>),
    /// The account has no such delivery.
    NotFound,
    /// It has not ended, or its webhook is deleted, or it is a test delivery: nothing was changed.
    NotRetryable,
}

/// The deliveries of a recovery: those that failed, were accepted within a range of time, and are no tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoverRange {
    /// The first instant that belongs to it.
    pub since: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// Only of these event types; `None` for all.
    pub event_types: Option<EventTypeSet>,
}

impl fmt::Display for RecoverRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.since, self.until)?;
        match self.event_types {
            Some(event_types) => write!(f, ", only {}", names(event_types).join(", ")),
            None => Ok(()),
        }
    }
}

/// Counting stops here: in a large log it would occupy a connection for seconds.
const COUNTED_AT_MOST: i64 = 10_000;

/// A bounded count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The count, or the bound.
    pub count: i64,
    /// Whether there are more, which were not counted.
    pub more: bool,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.more { "more than " } else { "" }, self.count)
    }
}

/// The result of a recovery request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Failed deliveries to be sent again, one after the other.
    Accepted(Count),
    /// The account has no such webhook.
    NotFound,
    /// Another recovery of this webhook is in progress.
    UnderWay,
}

/// The progress of a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryProgress {
    /// When it was requested.
    pub requested_at: Timestamp,
    /// Failed deliveries then, as far as they were counted; those processed since, if that is more.
    pub found: i64,
    /// Those still in the outbox.
    pub waiting: i64,
}

/// While the webhook is paused nothing is sent: the delivery is held, and attempted once when the webhook is resumed. A
/// duplicate event accepted on another day has a row on each, of which the newest is the delivery.
const RETRY: &str = concat!(
    "/* recover.retry */ WITH retried AS (
        UPDATE deliveries d SET state = CASE WHEN w.paused_reason IS NULL THEN 'queued' ELSE 'held' END, waiting = true,
            updated_at = now()
        FROM webhooks w
        WHERE d.account = $1 AND d.id = $2 AND d.state IN ('failed', 'delivered') AND NOT d.test
            AND d.created_on = (SELECT max(created_on) FROM deliveries WHERE account = $1 AND id = $2)
            AND w.id = d.webhook_id AND w.account = d.account
        RETURNING d.*
    ), waiting AS (
        INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held)
        SELECT id, created_on, created_at, webhook_id, 'manual', state = 'held' FROM retried ON CONFLICT DO NOTHING
    ), released AS (
        INSERT INTO releases (webhook_id, per_second) SELECT webhook_id, $3 FROM retried WHERE state = 'queued'
        ON CONFLICT (webhook_id) DO UPDATE SET next_at = ",
    next_turn_soon!(),
    "
    )
    SELECT id, webhook_id, event_id, event_type, subject, state, test, attempts, http_status, error, response_time_ms,
        created_at, updated_at, next_attempt_at FROM retried"
);

const EXISTS: &str = "/* recover.exists */ SELECT EXISTS (SELECT FROM deliveries WHERE account = $1 AND id = $2)";

const COUNT: &str = "/* recover.count */ SELECT count(*) FROM (SELECT FROM deliveries
    WHERE account = $1 AND webhook_id = $2 AND state = 'failed' AND NOT test
        AND created_on >= $3 AND created_at >= $4 AND created_on <= $5 AND created_at < $6
        AND ($7::text[] IS NULL OR event_type = ANY ($7)) LIMIT $8) AS counted";

const START: &str = "/* recover.start */
    INSERT INTO recoveries (id, account, webhook_id, since, until, event_types, found, reached_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $4) ON CONFLICT (webhook_id) WHERE finished_at IS NULL DO NOTHING";

const PROGRESS: &str = "/* recover.progress */ SELECT requested_at, found,
        (found - marked) + (SELECT count(*) FROM waiting_deliveries WHERE recovery_id = recoveries.id) AS waiting
    FROM recoveries WHERE account = $1 AND webhook_id = $2 AND finished_at IS NULL";

impl Database {
    /// Manual retry of a failed or delivered delivery of `by`'s account: one attempt, now.
    pub async fn retry_delivery(&self, by: &Bearer, id: DeliveryId) -> Result<Retry, StoreError> {
        let account = &by.account;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let rate = domain::ReleaseRate::START.per_second();
        if let Some(row) = transaction
            .query_opt(RETRY, &[&account.as_str(), &id.as_uuid(), &rate])
            .await?
        {
            let delivery = delivery(&row)?;
            let entry = Entry::new(by, delivery.webhook, AuditAction::Retried).with_detail(id.to_string());
            entry.write(&transaction).await?;
            transaction.commit().await?;
            return Ok(Retry::Accepted(Box::new(delivery)));
        }
        let exists: bool = transaction
            .query_one(EXISTS, &[&account.as_str(), &id.as_uuid()])
            .await?
            .get(0);
        Ok(if exists { Retry::NotRetryable } else { Retry::NotFound })
    }

    /// How many deliveries a recovery of this range would send again.
    pub async fn recoverable(
        &self,
        account: &AccountName,
        webhook: WebhookId,
        range: &RecoverRange,
    ) -> Result<Count, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(COUNT).await?;
        let parameters: [&(dyn ToSql + Sync); 8] = [
            &account.as_str(),
            &webhook.0,
            &day_of(range.since),
            &range.since,
            &day_of(range.until),
            &range.until,
            &range.event_types.map(names),
            &(COUNTED_AT_MOST + 1),
        ];
        let counted: i64 = connection.query_one(&statement, &parameters).await?.get(0);
        Ok(Count {
            count: counted.min(COUNTED_AT_MOST),
            more: counted > COUNTED_AT_MOST,
        })
    }

    /// Starts a recovery: every failed delivery of a webhook in the range is sent again, each with a new ladder.
    pub async fn recover(&self, by: &Bearer, webhook: WebhookId, range: &RecoverRange) -> Result<Recovery, StoreError> {
        let account = &by.account;
        if !self.webhook_exists(account, webhook).await? {
            return Ok(Recovery::NotFound);
        }
        let found = self.recoverable(account, webhook, range).await?;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let parameters: [&(dyn ToSql + Sync); 7] = [
            &Uuid::now_v7(),
            &account.as_str(),
            &webhook.0,
            &range.since,
            &range.until,
            &range.event_types.map(names),
            &found.count,
        ];
        if transaction.execute(START, &parameters).await? == 0 {
            return Ok(Recovery::UnderWay);
        }
        Entry::new(by, webhook, AuditAction::Recovered)
            .with_detail(format!("{found} {range}"))
            .write(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(Recovery::Accepted(found))
    }

    /// The progress of a webhook's recovery; `None` when none is in progress.
    pub async fn recovery_progress(
        &self,
        account: &AccountName,
        webhook: WebhookId,
    ) -> Result<Option<RecoveryProgress>, StoreError> {
        let row = self
            .connection()
            .await?
            .query_opt(PROGRESS, &[&account.as_str(), &webhook.0])
            .await?;
        Ok(row.map(|row| RecoveryProgress {
            requested_at: row.get("requested_at"),
            found: row.get("found"),
            waiting: row.get::<_, i64>("waiting").max(0),
        }))
    }
}
