//! The filtered list of webhooks.

use domain::{AccountName, EventType, WebhookHealth, WebhookId, WebhookStatus};
use jiff::Timestamp;

use super::{COLUMNS, Webhook, webhook};
use crate::database::Database;
use crate::error::StoreError;

/// Filter of an account's webhooks.
#[derive(Debug, Clone, Default)]
pub struct WebhookFilter {
    /// Only with this status.
    pub status: Option<WebhookStatus>,
    /// Only with a subscription to this type.
    pub event_type: Option<EventType>,
    /// Only with this text in name or URL, case-insensitive.
    pub text: Option<String>,
    /// Whether the text is searched in the whole URL, and not only before its path: a person who may not see the path
    /// must not find it by searching.
    pub whole_url: bool,
    /// Only those after this one, in the order of the list.
    pub after: Option<(Timestamp, WebhookId)>,
}

/// Derives the status like `WebhookHealth::status`; a test compares the two.
const CONDITIONS: &str = "w.account = $1
    AND ($2::text IS NULL OR $2 = CASE
        WHEN w.paused_reason IS NOT NULL THEN 'paused'
        WHEN w.consecutive_failures > 0 OR w.failed_attempts >= $3 THEN 'error'
        ELSE 'active' END)
    AND ($4::text IS NULL OR $4 = ANY (w.event_types) OR '*' = ANY (w.event_types))
    AND ($5::text IS NULL OR position(lower($5) IN lower(w.name)) > 0 OR position(lower($5) IN lower(w.url)) > 0
        AND ($9 OR position(lower($5) IN lower(substring(w.url FROM '^[a-z]+://[^/?]*'))) > 0))
    AND ($6::timestamptz IS NULL OR (w.created_at, w.id) > ($6, $7))";

impl Database {
    /// The account's webhooks that match the filter, oldest first, at most `limit` of them.
    pub async fn find_webhooks(
        &self,
        account: &AccountName,
        filter: &WebhookFilter,
        limit: i64,
    ) -> Result<Vec<Webhook>, StoreError> {
        let page = format!(
            "/* webhooks.search.page */ SELECT {COLUMNS} FROM webhooks w WHERE {CONDITIONS}
                ORDER BY w.created_at, w.id LIMIT $8"
        );
        let status = filter.status.map(<&str>::from);
        let error_after = i32::try_from(WebhookHealth::ERROR_AFTER_ATTEMPTS).unwrap_or(i32::MAX);
        let event_type = filter.event_type.map(EventType::name);
        let (created_at, id) = filter.after.map(|(created_at, id)| (created_at, id.0)).unzip();
        let connection = self.connection().await?;
        let page = connection.prepare_cached(&page).await?;
        let rows = connection
            .query(
                &page,
                &[
                    &account.as_str(),
                    &status,
                    &error_after,
                    &event_type,
                    &filter.text,
                    &created_at,
                    &id,
                    &limit,
                    &filter.whole_url,
                ],
            )
            .await?;
        rows.iter().map(webhook).collect()
    }
}
