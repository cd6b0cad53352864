//! Reading the delivery log, always within one account.

mod extracts;

pub use extracts::Extract;

use deadpool_postgres::Client;
use domain::{AccountName, DeliveryId, DeliveryState, Outcome, Trigger, WebhookId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delivery.
    pub id: DeliveryId,
    /// Whom it is for.
    pub webhook: WebhookId,
    /// CloudEvents id of the event.
    pub event_id: String,
    /// Name of the event's type.
    pub event_type: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Made by the Test button.
    pub test: bool,
    /// Attempts made.
    pub attempts: i32,
    /// Status of the last answer.
    pub http_status: Option<i16>,
    /// Reason in words, when the last attempt got no answer.
    pub error: Option<String>,
    /// Of the last attempt, in milliseconds.
    pub response_time_ms: Option<i32>,
    /// When its event was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
}

/// A delivery with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDetail {
    /// Its line in the log.
    pub delivery: Delivery,
    /// The exact bytes posted and signed.
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
    /// How it ended.
    pub outcome: Outcome,
    /// Status of the answer.
    pub http_status: Option<i16>,
    /// From beginning to end, in milliseconds.
    pub response_time_ms: i32,
    /// Reason in words, when there was no answer.
    pub error: Option<String>,
    /// Beginning of the answer's body, as it came.
    pub response_excerpt: Option<Vec<u8>>,
}

/// Which deliveries of a webhook to list.
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
    /// Where the page is.
    pub place: Place,
}

/// Where a page is in a log that runs from the newest delivery to the oldest.
#[derive(Debug, Clone, Copy, Default)]
pub enum Place {
    /// At the beginning.
    #[default]
    Newest,
    /// Those that come next after this one.
    After(Timestamp, DeliveryId),
    /// Those just before this one.
    Before(Timestamp, DeliveryId),
}

/// The order begins with the partition key, so that Postgres reads one day after the other and stops when the page is full.
/// Limits that are not given become infinite instead of being skipped by an `OR`: only so are they conditions of the
/// index, and days outside them left out, in a plan that is made once for all parameters. What else narrows it is put in
/// for `{narrowing}`, and for `{place}` one of the two below.
const PAGE: &str = "SELECT id, webhook_id, event_id, event_type, state, test, attempts, http_status, error,
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

const ONE: &str = "SELECT id, webhook_id, event_id, event_type, state, test, attempts, http_status, error,
        response_time_ms, created_at, updated_at, next_attempt_at, payload
    FROM deliveries WHERE account = $1 AND id = $2 ORDER BY created_on DESC LIMIT 1";

/// Of a delivery that was retried by hand for ever, the last hundred.
const ATTEMPTS: &str = "SELECT * FROM (
        SELECT number, trigger, at, outcome, http_status, response_time_ms, error, response_excerpt
        FROM attempts WHERE delivery_id = $1 AND created_on = $2 ORDER BY number DESC LIMIT 100) AS latest
    ORDER BY number";

impl Database {
    /// A page of a webhook's log, newest first.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn deliveries(
        &self,
        account: &AccountName,
        webhook: WebhookId,
        filter: &Filter,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let connection = self.connection().await?;
        let statement = prepare(&connection, filter).await?;
        let state = filter.state.map(DeliveryState::as_str);
        let (since_day, until_day) = (filter.since.map(day_of), filter.until.map(day_of));
        let (at, id) = filter.place.delivery().unzip();
        let (day, id) = (at.map(day_of), id.map(|id| id.as_uuid()));
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
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn delivery(&self, account: &AccountName, id: DeliveryId) -> Result<Option<DeliveryDetail>, StoreError> {
        let connection = self.connection().await?;
        let one = connection.prepare_cached(ONE).await?;
        let Some(row) = connection.query_opt(&one, &[&account.as_str(), &id.as_uuid()]).await? else { return Ok(None) };
        let delivery = delivery(&row)?;
        let attempts = connection.prepare_cached(ATTEMPTS).await?;
        let attempts = connection.query(&attempts, &[&id.as_uuid(), &day_of(delivery.created_at)]).await?;
        let attempts = attempts.iter().map(attempt).collect::<Result<_, _>>()?;
        Ok(Some(DeliveryDetail { delivery, payload: row.get("payload"), attempts }))
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

/// A page's statement for this filter. Where state and type are both given, it depends on their values which of the two
/// indexes is the better one: only a plan for these values can tell, and is made anew each time.
async fn prepare(connection: &Client, filter: &Filter) -> Result<Statement, StoreError> {
    let place = match filter.place {
        Place::Newest | Place::After(..) => OLDER,
        Place::Before(..) => NEWER,
    };
    let page = PAGE.replace("{narrowing}", narrowing(filter)).replace("{place}", place);
    if filter.state.is_some() && filter.event_type.is_some() {
        return Ok(connection.prepare(&page).await?);
    }
    Ok(connection.prepare_cached(&page).await?)
}

/// Parameters that are null say nothing about a column. An `OR` for both cases would keep a plan that is made once for
/// all parameters from the indexes by state and by type.
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
        state: row.get::<_, &str>("state").parse().map_err(|_| StoreError::UnknownValue("state"))?,
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
        trigger: row.get::<_, &str>("trigger").parse().map_err(|_| StoreError::UnknownValue("trigger"))?,
        at: row.get("at"),
        outcome: row.get::<_, &str>("outcome").parse().map_err(|_| StoreError::UnknownValue("outcome"))?,
        http_status: row.get("http_status"),
        response_time_ms: row.get("response_time_ms"),
        error: row.get("error"),
        response_excerpt: row.get("response_excerpt"),
    })
}
