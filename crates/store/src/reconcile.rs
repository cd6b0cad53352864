//! Deliveries whose retry is long overdue: the broker lost it, or holds it and does not let it go.

use domain::{AccountName, DeliveryId, WebhookId};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// What is needed to make the retry again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
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
    /// Steps of the ladder used before the last attempt.
    pub step: u32,
    /// Exact bytes to post and to sign.
    pub payload: Vec<u8>,
    /// W3C trace context of the event.
    pub traceparent: Option<String>,
}

const CLAIM: &str =
    "SELECT id, created_at, account, webhook_id, event_id, event_type, attempts, step, payload, traceparent
    FROM deliveries WHERE state = 'retrying' AND next_attempt_at < now() - make_interval(secs => $1)
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED";

/// Due now, so that they are not taken for overdue again before the retry had its time.
const PUBLISHED: &str = "UPDATE deliveries SET next_attempt_at = now()
    WHERE (id, created_on) IN (SELECT * FROM unnest($1::uuid[], $2::date[]))";

impl Database {
    /// Hands the deliveries overdue by more than `by` to `publish`, at most `limit` of them, most overdue first, and marks
    /// them when it returns true. Returns how many there were. They stay locked meanwhile; several processes share the
    /// work, since each skips what another has locked.
    ///
    /// # Errors
    /// When the database is away or refuses; what was published is then published again.
    pub async fn republish_overdue<F>(
        &self,
        by: SignedDuration,
        limit: i64,
        publish: impl FnOnce(Vec<Overdue>) -> F,
    ) -> Result<usize, StoreError>
    where
        F: Future<Output = bool>,
    {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let rows = transaction.query(CLAIM, &[&by.as_secs_f64(), &limit]).await?;
        let overdue = rows.iter().map(overdue).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<_> = overdue.iter().map(|delivery| delivery.delivery.as_uuid()).collect();
        let days: Vec<_> = overdue.iter().map(|delivery| day_of(delivery.created_at)).collect();
        if !overdue.is_empty() && publish(overdue).await {
            transaction.execute(PUBLISHED, &[&ids, &days]).await?;
            transaction.commit().await?;
        }
        Ok(ids.len())
    }
}

fn overdue(row: &Row) -> Result<Overdue, StoreError> {
    let number = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
    Ok(Overdue {
        delivery: row.get::<_, uuid::Uuid>("id").into(),
        created_at: row.get("created_at"),
        account: row.get::<_, &str>("account").parse().map_err(|_| StoreError::UnknownValue("account"))?,
        webhook: WebhookId(row.get("webhook_id")),
        event_id: row.get("event_id"),
        event_type: row.get("event_type"),
        attempts: number("attempts"),
        step: number("step"),
        payload: row.get("payload"),
        traceparent: row.get("traceparent"),
    })
}
