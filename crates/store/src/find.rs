//! Searches the delivery log by event id and by record, within one account, newest first.

use domain::{AccountName, DeliveryId};
use tokio_postgres::types::ToSql;

use crate::database::Database;
use crate::delivery_log::{Delivery, delivery};
use crate::error::StoreError;

/// What deliveries are searched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindBy<'a> {
    /// The id of their event.
    EventId(&'a str),
    /// The whole subject of their event.
    Subject(&'a str),
    /// The last part of the subject, behind a `/`; or several of the last parts.
    LastPart(&'a str),
}

/// The columns and the order. As in the log's pages, the partition key is the first sort key.
macro_rules! find {
    ($name:literal, $condition:literal) => {
        concat!(
            "/* find.",
            $name,
            " */ SELECT id, webhook_id, event_id, event_type, subject, state, test, attempts, http_status, error,
                response_time_ms, created_at, updated_at, next_attempt_at
            FROM deliveries WHERE account = $1 AND ",
            $condition,
            " AND ($3::text IS NULL OR event_type = $3) ORDER BY created_on DESC, created_at DESC, id LIMIT $4"
        )
    };
}

const BY_EVENT_ID: &str = find!("by_event_id", "event_id = $2");

/// The index has the subject from its end.
const BY_SUBJECT: &str = find!(
    "by_subject",
    "subject IS NOT NULL AND reverse(subject) COLLATE \"C\" = reverse($2)"
);

/// `0` follows `/`: between the two is every subject with `/` before these last parts.
const BY_LAST_PART: &str = find!(
    "by_last_part",
    "subject IS NOT NULL AND reverse(subject) COLLATE \"C\" >= reverse('/' || $2)
                AND reverse(subject) COLLATE \"C\" < reverse('0' || $2)"
);

const EVENT_OF: &str = "/* find.event_of */
    SELECT event_id FROM deliveries WHERE account = $1 AND id = $2 ORDER BY created_on DESC LIMIT 1";

impl Database {
    /// The account's deliveries that are found, newest first, at most `limit` of them; only of one event type if it is given.
    pub async fn find_deliveries(
        &self,
        account: &AccountName,
        by: FindBy<'_>,
        event_type: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (statement, text) = match by {
            FindBy::EventId(text) => (BY_EVENT_ID, text),
            FindBy::Subject(text) => (BY_SUBJECT, text),
            FindBy::LastPart(text) => (BY_LAST_PART, text),
        };
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(statement).await?;
        let parameters: [&(dyn ToSql + Sync); 4] = [&account.as_str(), &text, &event_type, &limit];
        let rows = connection.query(&statement, &parameters).await?;
        rows.iter().map(delivery).collect()
    }

    /// The id of the event of one of the account's deliveries.
    pub async fn event_of(&self, account: &AccountName, id: DeliveryId) -> Result<Option<String>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(EVENT_OF).await?;
        let row = connection
            .query_opt(&statement, &[&account.as_str(), &id.as_uuid()])
            .await?;
        Ok(row.map(|row| row.get("event_id")))
    }
}
