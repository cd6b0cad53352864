//! Going back to newer pages of the log.

use domain::{AccountName, DeliveryId, DeliveryState, WebhookId};
use jiff::Timestamp;

use super::{Delivery, Filter, delivery, prepare};
use crate::database::Database;
use crate::error::StoreError;
use crate::partitions::day_of;

/// The mirror image of the log's usual order.
const NEWER: &str = "SELECT id, webhook_id, event_id, event_type, state, test, attempts, http_status, error,
        response_time_ms, created_at, updated_at, next_attempt_at
    FROM deliveries
    WHERE account = $1 AND webhook_id = $2
        AND {narrowing}
        AND created_at >= coalesce($5, '-infinity'::timestamptz) AND created_on >= coalesce($6, '-infinity'::date)
        AND created_at < coalesce($7, 'infinity'::timestamptz) AND created_on <= coalesce($8, 'infinity'::date)
        AND (created_on, created_at, id) > ($9, $10, $11) AND created_on >= $9
    ORDER BY created_on, created_at, id LIMIT $12";

impl Database {
    /// The part of a webhook's log just before `before`, newest first: the deliveries that came next after that one, at
    /// most `limit` of them. What the filter says of a place (`after`) is ignored.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn newer_deliveries(
        &self,
        account: &AccountName,
        webhook: WebhookId,
        filter: &Filter,
        before: (Timestamp, DeliveryId),
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let connection = self.connection().await?;
        let statement = prepare(&connection, NEWER, filter).await?;
        let state = filter.state.map(DeliveryState::as_str);
        let (since_day, until_day) = (filter.since.map(day_of), filter.until.map(day_of));
        let (at, id) = before;
        let rows = connection
            .query(
                &statement,
                &[
                    &account.as_str(),
                    &webhook.0,
                    &state,
                    &filter.event_type,
                    &filter.since,
                    &since_day,
                    &filter.until,
                    &until_day,
                    &day_of(at),
                    &at,
                    &id.as_uuid(),
                    &limit,
                ],
            )
            .await?;
        rows.iter().rev().map(delivery).collect()
    }
}
