//! Counts of the last day's results of several webhooks, for the small charts of the list.

use std::collections::HashMap;

use domain::{AccountName, WebhookId};
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// Deliveries that ended within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourCount {
    /// Deliveries that succeeded.
    pub delivered: i64,
    /// Deliveries that failed.
    pub failed: i64,
}

/// The last hour is the current, incomplete one.
pub const RECENT_HOURS: usize = 24;

const RECENT: &str = "/* recent_counts.recent */
    SELECT c.webhook_id, sum(c.delivered)::bigint AS delivered, sum(c.failed)::bigint AS failed,
        (extract(epoch FROM date_trunc('hour', now(), 'UTC') - c.hour) / 3600)::int AS hours_ago
    FROM attempt_counts c JOIN webhooks w ON w.id = c.webhook_id
    WHERE w.account = $1 AND c.webhook_id = ANY ($2)
        AND c.hour > date_trunc('hour', now(), 'UTC') - make_interval(hours => $3)
    GROUP BY c.webhook_id, c.hour";

impl Database {
    /// Counts of the last [`RECENT_HOURS`] for the account's webhooks among `webhooks`, oldest hour first. A webhook
    /// without any is omitted.
    pub async fn recent_counts(
        &self,
        account: &AccountName,
        webhooks: &[WebhookId],
    ) -> Result<HashMap<WebhookId, [HourCount; RECENT_HOURS]>, StoreError> {
        let ids: Vec<Uuid> = webhooks.iter().map(|webhook| webhook.0).collect();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(RECENT).await?;
        let rows = connection
            .query(&statement, &[&account.as_str(), &ids, &(RECENT_HOURS as i32)])
            .await?;
        let mut counts: HashMap<_, [HourCount; RECENT_HOURS]> = HashMap::new();
        for row in rows {
            let hours_ago = usize::try_from(row.get::<_, i32>("hours_ago")).unwrap_or_default();
            let hours = counts.entry(WebhookId(row.get("webhook_id"))).or_default();
            if let Some(hour) = (RECENT_HOURS - 1).checked_sub(hours_ago) {
                hours[hour] = HourCount {
                    delivered: row.get("delivered"),
                    failed: row.get("failed"),
                };
            }
        }
        Ok(counts)
    }
}
