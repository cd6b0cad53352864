//! Sending failed deliveries again because a person asks: one of them, or all of a time.

mod marking;

use domain::{AccountName, AuditAction, DeliveryId, WebhookId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::database::Database;
use crate::delivery_log::{Delivery, delivery};
use crate::error::StoreError;
use crate::partitions::day_of;

/// What became of the wish to send a delivery again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// It waits for its attempt.
    Accepted(Box<Delivery>),
    /// The account has no such delivery.
    NotFound,
    /// It is no failed delivery, or its webhook is gone: nothing was changed.
    NotFailed,
}

/// What became of the wish to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// So many failed deliveries are sent again, one after the other.
    Accepted(i64),
    /// The account has no such webhook.
    NotFound,
    /// A recovery of this webhook is under way.
    UnderWay,
}

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryProgress {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Failed deliveries then.
    pub found: i64,
    /// Those that still wait to be handed to a sender.
    pub waiting: i64,
}

/// While the webhook is paused nothing is sent: the delivery is held, and attempted once when the webhook is resumed. An
/// event that came again on another day has a row on each, of which the newest is the delivery.
const RETRY: &str = "WITH retried AS (
        UPDATE deliveries d SET state = CASE WHEN w.paused_reason IS NULL THEN 'queued' ELSE 'held' END, waiting = true,
            updated_at = now()
        FROM webhooks w
        WHERE d.account = $1 AND d.id = $2 AND d.state = 'failed' AND NOT d.test
            AND d.created_on = (SELECT max(created_on) FROM deliveries WHERE account = $1 AND id = $2)
            AND w.id = d.webhook_id AND w.account = d.account
        RETURNING d.*
    ), waiting AS (
        INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held)
        SELECT id, created_on, created_at, webhook_id, 'manual', state = 'held' FROM retried ON CONFLICT DO NOTHING
    ), released AS (
        INSERT INTO releases (webhook_id, per_second) SELECT webhook_id, $3 FROM retried WHERE state = 'queued'
        ON CONFLICT (webhook_id) DO UPDATE SET next_at = least(releases.next_at, now())
    )
    SELECT id, webhook_id, event_id, event_type, state, test, attempts, http_status, error, response_time_ms,
        created_at, updated_at, next_attempt_at FROM retried";

const EXISTS: &str = "SELECT EXISTS (SELECT FROM deliveries WHERE account = $1 AND id = $2)";

const COUNT: &str = "SELECT count(*) FROM deliveries
    WHERE account = $1 AND webhook_id = $2 AND state = 'failed' AND NOT test
        AND created_on >= $3 AND created_at >= $4 AND created_on <= $5 AND created_at < $6";

const START: &str = "INSERT INTO recoveries (id, account, webhook_id, since, until, found, reached_at)
    VALUES ($1, $2, $3, $4, $5, $6, $4) ON CONFLICT (webhook_id) WHERE finished_at IS NULL DO NOTHING";

const PROGRESS: &str = "SELECT requested_at, found,
        (found - marked) + (SELECT count(*) FROM waiting_deliveries WHERE recovery_id = recoveries.id) AS waiting
    FROM recoveries WHERE account = $1 AND webhook_id = $2 AND finished_at IS NULL";

impl Database {
    /// Sends a failed delivery of `by`'s account again: one attempt, now.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn retry_delivery(&self, by: &Bearer, id: DeliveryId) -> Result<Retry, StoreError> {
        let account = &by.account;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let pace = domain::ReleasePace::START.per_second();
        if let Some(row) = transaction.query_opt(RETRY, &[&account.as_str(), &id.as_uuid(), &pace]).await? {
            let delivery = delivery(&row)?;
            let entry = Entry::new(by, delivery.webhook, AuditAction::Retried).with_detail(id.to_string());
            entry.write(&*transaction).await?;
            transaction.commit().await?;
            return Ok(Retry::Accepted(Box::new(delivery)));
        }
        let exists: bool = transaction.query_one(EXISTS, &[&account.as_str(), &id.as_uuid()]).await?.get(0);
        Ok(if exists { Retry::NotFailed } else { Retry::NotFound })
    }

    /// How many deliveries a recovery of this time would send again. Tests are left alone.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn recoverable(
        &self,
        account: &AccountName,
        webhook: WebhookId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<i64, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(COUNT).await?;
        let (first, last) = (day_of(since), day_of(until));
        let row =
            connection.query_one(&statement, &[&account.as_str(), &webhook.0, &first, &since, &last, &until]).await?;
        Ok(row.get(0))
    }

    /// Sends every failed delivery of a webhook, accepted from `since` to before `until`, again, each with a fresh ladder.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn recover(
        &self,
        by: &Bearer,
        webhook: WebhookId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Recovery, StoreError> {
        let account = &by.account;
        if !self.webhook_exists(account, webhook).await? {
            return Ok(Recovery::NotFound);
        }
        let found = self.recoverable(account, webhook, since, until).await?;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let started = transaction
            .execute(START, &[&Uuid::now_v7(), &account.as_str(), &webhook.0, &since, &until, &found])
            .await?;
        if started == 0 {
            return Ok(Recovery::UnderWay);
        }
        let detail = format!("{found} from {since} to {until}");
        Entry::new(by, webhook, AuditAction::Recovered).with_detail(detail).write(&*transaction).await?;
        transaction.commit().await?;
        Ok(Recovery::Accepted(found))
    }

    /// How far the recovery of a webhook is; `None` when none is under way.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn recovery_progress(
        &self,
        account: &AccountName,
        webhook: WebhookId,
    ) -> Result<Option<RecoveryProgress>, StoreError> {
        let row = self.connection().await?.query_opt(PROGRESS, &[&account.as_str(), &webhook.0]).await?;
        Ok(row.map(|row| RecoveryProgress {
            requested_at: row.get("requested_at"),
            found: row.get("found"),
            waiting: row.get::<_, i64>("waiting").max(0),
        }))
    }
}
