//! The list of webhooks as people narrow it down.

use domain::{AccountName, EventType, WebhookHealth, WebhookId, WebhookStatus};
use jiff::Timestamp;

use super::{COLUMNS, Webhook, webhook};
use crate::database::Database;
use crate::error::StoreError;

/// Which of an account's webhooks to list.
#[derive(Debug, Clone, Default)]
pub struct WebhookFilter {
    /// Only those of this status.
    pub status: Option<WebhookStatus>,
    /// Only those that listen to this type.
    pub event_type: Option<EventType>,
    /// Only those with this text in name or URL, in either case.
    pub text: Option<String>,
    /// Only those after this one, in the list's order.
    pub after: Option<(Timestamp, WebhookId)>,
}

/// The status is derived as `WebhookHealth::status` derives it; a test compares the two.
const CONDITIONS: &str = "w.account = $1
    AND ($2::text IS NULL OR $2 = CASE
        WHEN w.paused_reason IS NOT NULL THEN 'paused'
        WHEN w.consecutive_failures > 0 OR w.failed_attempts >= $3 THEN 'error'
        ELSE 'active' END)
    AND ($4::text IS NULL OR $4 = ANY (w.event_types))
    AND ($5::text IS NULL OR position(lower($5) IN lower(w.name)) > 0 OR position(lower($5) IN lower(w.url)) > 0)
    AND ($6::timestamptz IS NULL OR (w.created_at, w.id) > ($6, $7))";

impl Database {
    /// The account's webhooks that pass the filter, oldest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn find_webhooks(
        &self,
        account: &AccountName,
        filter: &WebhookFilter,
        limit: i64,
    ) -> Result<Vec<Webhook>, StoreError> {
        let page = format!("SELECT {COLUMNS} FROM webhooks w WHERE {CONDITIONS} ORDER BY w.created_at, w.id LIMIT $8");
        let status = filter.status.map(WebhookStatus::as_str);
        let error_after = i32::try_from(WebhookHealth::ERROR_AFTER_ATTEMPTS).unwrap_or(i32::MAX);
        let event_type = filter.event_type.map(EventType::name);
        let (created_at, id) = filter.after.map(|(created_at, id)| (created_at, id.0)).unzip();
        let connection = self.connection().await?;
        let page = connection.prepare_cached(&page).await?;
        let rows = connection
            .query(
                &page,
                &[&account.as_str(), &status, &error_after, &event_type, &filter.text, &created_at, &id, &limit],
            )
            .await?;
        rows.iter().map(webhook).collect()
    }
}
