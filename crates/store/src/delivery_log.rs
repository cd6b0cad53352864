//! Reads the delivery log, always within one account.

use domain::{AccountName, DeliveryId, DeliveryState, Outcome, Trigger, WebhookId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// A delivery as the log lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delivery.
    pub id: DeliveryId,
    /// Its webhook.
    pub webhook: WebhookId,
    /// CloudEvents id of the event.
    pub event_id: String,
    /// Name of the event's type.
    pub event_type: String,
    /// The record that the event is about, as far as it is kept.
    pub subject: Option<String>,
    /// Its state.
    pub state: DeliveryState,
    /// A test delivery.
    pub test: bool,
    /// Attempts made.
    pub attempts: i32,
    /// Status of the last response.
    pub http_status: Option<i16>,
    /// Reason in words, when the last attempt got no response.
    pub error: Option<String>,
    /// Duration of the last attempt, in milliseconds.
    pub response_time_ms: Option<i32>,
    /// When its event was accepted.
    pub created_at: Timestamp,
    /// Time of its last change.
    pub updated_at: Timestamp,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
}

/// A delivery with payload and attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDetail {
    /// The delivery.
    pub delivery: Delivery,
    /// The payload.
    pub payload: Vec<u8>,
    /// Its attempts, first to last; of more than a hundred, the last hundred.
    pub attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: i32,
    /// Why it was made.
    pub trigger: Trigger,
    /// When it began.
    pub at: Timestamp,
    /// Its outcome.
    pub outcome: Outcome,
    /// Status of the response.
    pub http_status: Option<i16>,
    /// Duration, in milliseconds.
    pub response_time_ms: i32,
    /// Reason in words, without a response.
    pub error: Option<String>,
    /// The first bytes of the response body.
    pub response_excerpt: Option<Vec<u8>>,
}

/// Filter and page of a webhook's deliveries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those of this type.
    pub event_type: Option<String>,
    /// Only those created then or later.
    pub since: Option<Timestamp>,
    /// Only those created before then.
    pub until: Option<Timestamp>,
    /// The page.
    pub place: Place,
}

/// Position of a page in the log, which is ordered from the newest delivery to the oldest.
#[derive(Debug, Clone, Copy, Default)]
pub enum Place {
    /// At the beginning.
    #[default]
    Newest,
    /// The deliveries after this one.
    After(Timestamp, DeliveryId),
    /// The deliveries just before this one.
    Before(Timestamp, DeliveryId),
}

/// The partition key is the first sort key, so that PostgreSQL reads one partition after the other and stops when the
/// page is full. Limits that are not given become infinite instead of being skipped by an `OR`: only so are they index
/// conditions, and partitions outside them pruned, in a generic plan. Further conditions replace `{narrowing}`, and one
/// of the two below `{place}`.
const PAGE: &str = "/* delivery_log.page */
    SELECT id, webhook_id, event_id, event_type, subject, state, test, attempts, http_status, error,
        response_time_ms, created_at, updated_at, next_attempt_at
    FROM deliveries
    WHERE account = $1 AND webhook_id = $2
        AND {narrowing}
        AND created_at >= coalesce($5, '-infinity'::timestamptz) AND created_on >= coalesce($6, '-infinity'::date)
        AND created_at < coalesce($7, 'infinity'::timestamptz) AND created_on <= coalesce($8, 'infinity'::date)
        AND {place} LIMIT $12";

const OLDER: &str = "(created_on, created_at, id) < (coalesce($9, 'infinity'::date),
            coalesce($10, 'infinity'::timestamptz), coalesce($11, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
        AND created_on <= coalesce($9, 'infinity'::date)
    ORDER BY created_on DESC, created_at DESC, id DESC";

const NEWER: &str = "(created_on, created_at, id) > ($9, $10, $11) AND created_on >= $9
    ORDER BY created_on, created_at, id";

const ONE: &str = "/* delivery_log.one */
    SELECT id, webhook_id, event_id, event_type, subject, state, test, attempts, http_status, error,
        response_time_ms, created_at, updated_at, next_attempt_at, payload
    FROM deliveries WHERE account = $1 AND id = $2 ORDER BY created_on DESC LIMIT 1";

const PAYLOAD: &str = "/* delivery_log.payload */
    SELECT payload FROM deliveries WHERE account = $1 AND id = $2 ORDER BY created_on DESC LIMIT 1";

/// The last hundred: a delivery can be retried by hand without limit.
const ATTEMPTS: &str = "/* delivery_log.attempts */ SELECT * FROM (
        SELECT number, trigger, at, outcome, http_status, response_time_ms, error, response_excerpt
        FROM attempts WHERE delivery_id = $1 AND created_on = $2 ORDER BY number DESC LIMIT 100) AS latest
    ORDER BY number";

impl Database {
    /// A page of a webhook's log, newest first.
    pub async fn deliveries(
        &self,
        account: &AccountName,
        webhook: WebhookId,
        filter: &Filter,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let connection = self.connection().await?;
        let statement = prepare(&connection, filter).await?;
        let state = filter.state.map(<&str>::from);
        let since_day = filter.since.map(day_of);
        let until_day = filter.until.map(day_of);
        let (at, id) = filter.place.delivery().unzip();
        let day = at.map(day_of);
        let id = id.map(|id| id.as_uuid());
        let parameters: [&(dyn ToSql + Sync); 12] = [
            &account.as_str(),
            &webhook.0,
            &state,
            &filter.event_type,
            &filter.since,
            &since_day,
            &filter.until,
            &until_day,
            &day,
            &at,
            &id,
            &limit,
        ];
        let mut rows = connection.query(&statement, &parameters).await?;
        if let Place::Before(..) = filter.place {
            rows.reverse();
        }
        rows.iter().map(delivery).collect()
    }

    /// One of the account's deliveries, with its payload and attempts.
    pub async fn delivery(&self, account: &AccountName, id: DeliveryId) -> Result<Option<DeliveryDetail>, StoreError> {
        let connection = self.connection().await?;
        let one = connection.prepare_cached(ONE).await?;
        let Some(row) = connection.query_opt(&one, &[&account.as_str(), &id.as_uuid()]).await? else {
            return Ok(None);
        };
        let delivery = delivery(&row)?;
        let attempts = connection.prepare_cached(ATTEMPTS).await?;
        let attempts = connection
            .query(&attempts, &[&id.as_uuid(), &day_of(delivery.created_at)])
            .await?;
        let attempts = attempts.iter().map(attempt).collect::<Result<_, _>>()?;
        Ok(Some(DeliveryDetail {
            delivery,
            payload: row.get("payload"),
            attempts,
        }))
    }

    /// The payload of one of the account's deliveries.
    pub async fn payload(&self, account: &AccountName, id: DeliveryId) -> Result<Option<Vec<u8>>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(PAYLOAD).await?;
        let row = connection
            .query_opt(&statement, &[&account.as_str(), &id.as_uuid()])
            .await?;
        Ok(row.map(|row| row.get("payload")))
    }
}

impl Place {
    fn delivery(self) -> Option<(Timestamp, DeliveryId)> {
        match self {
            Self::Newest => None,
            Self::After(at, id) | Self::Before(at, id) => Some((at, id)),
        }
    }
}

/// The statement of a page for this filter. With both state and type, the better index depends on their values: only a
/// custom plan can choose it, so it is planned each time.
async fn prepare(connection: &Connection, filter: &Filter) -> Result<Statement, StoreError> {
    let place = match filter.place {
        Place::Newest | Place::After(..) => OLDER,
        Place::Before(..) => NEWER,
    };
    let page = PAGE.replace("{narrowing}", narrowing(filter)).replace("{place}", place);
    if filter.state.is_some() && filter.event_type.is_some() {
        return connection.prepare(&page).await;
    }
    connection.prepare_cached(&page).await
}

/// Null parameters do not restrict a column. An `OR` for both cases would keep a generic plan from the indexes by state
/// and by type.
fn narrowing(filter: &Filter) -> &'static str {
    match (filter.state.is_some(), filter.event_type.is_some()) {
        (false, false) => "$3::text IS NULL AND $4::text IS NULL",
        (true, false) => "state = $3 AND $4::text IS NULL",
        (false, true) => "$3::text IS NULL AND event_type = $4",
        (true, true) => "state = $3 AND event_type = $4",
    }
}

pub(crate) fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.get::<_, uuid::Uuid>("id").into(),
        webhook: WebhookId(row.get("webhook_id")),
        event_id: row.get("event_id"),
        event_type: row.get("event_type"),
        subject: row.get("subject"),
        state: row
            .get::<_, &str>("state")
            .parse()
            .map_err(|_| StoreError::UnknownValue("state"))?,
        test: row.get("test"),
        attempts: row.get("attempts"),
        http_status: row.get("http_status"),
        error: row.get("error"),
        response_time_ms: row.get("response_time_ms"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
        next_attempt_at: row.get("next_attempt_at"),
    })
}

fn attempt(row: &Row) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        number: row.get("number"),
        trigger: row
            .get::<_, &str>("trigger")
            .parse()
            .map_err(|_| StoreError::UnknownValue("trigger"))?,
        at: row.get("at"),
        outcome: row
            .get::<_, &str>("outcome")
            .parse()
            .map_err(|_| StoreError::UnknownValue("outcome"))?,
        http_status: row.get("http_status"),
        response_time_ms: row.get("response_time_ms"),
        error: row.get("error"),
        response_excerpt: row.get("response_excerpt"),
    })
}
