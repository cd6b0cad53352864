//! Webhooks that were deleted, for as long as the delivery log may have deliveries of them.

use domain::{AccountName, WebhookId};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::database::Database;
use crate::error::StoreError;

/// A webhook that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedWebhook {
    /// Its id.
    pub id: WebhookId,
    /// Its last name.
    pub name: String,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

const NEWEST: &str = "/* webhooks.deleted.newest */ SELECT id, name, deleted_at FROM deleted_webhooks
    WHERE account = $1 ORDER BY deleted_at DESC, id LIMIT $2";

const ONE: &str =
    "/* webhooks.deleted.one */ SELECT id, name, deleted_at FROM deleted_webhooks WHERE account = $1 AND id = $2";

const SOME: &str = "/* webhooks.deleted.some */ SELECT id, name, deleted_at FROM deleted_webhooks WHERE account = $1 AND id = ANY ($2)";

const HAS_LOG: &str = "/* webhooks.deleted.has_log */
    SELECT EXISTS (SELECT FROM webhooks WHERE account = $1 AND id = $2)
        OR EXISTS (SELECT FROM deleted_webhooks WHERE account = $1 AND id = $2)";

impl Database {
    /// The account's webhooks that were deleted last, at most `limit`.
    pub async fn deleted_webhooks(&self, account: &AccountName, limit: i64) -> Result<Vec<DeletedWebhook>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(NEWEST).await?;
        let rows = connection.query(&statement, &[&account.as_str(), &limit]).await?;
        Ok(rows.iter().map(deleted_webhook).collect())
    }

    /// A webhook of the account that was deleted.
    pub async fn deleted_webhook(
        &self,
        account: &AccountName,
        id: WebhookId,
    ) -> Result<Option<DeletedWebhook>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(ONE).await?;
        let row = connection.query_opt(&statement, &[&account.as_str(), &id.0]).await?;
        Ok(row.as_ref().map(deleted_webhook))
    }

    /// Those of these webhooks of the account that were deleted.
    pub async fn deleted_webhooks_of(
        &self,
        account: &AccountName,
        ids: &[WebhookId],
    ) -> Result<Vec<DeletedWebhook>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(SOME).await?;
        let rows = connection.query(&statement, &[&account.as_str(), &ids]).await?;
        Ok(rows.iter().map(deleted_webhook).collect())
    }

    /// Whether the account has, or had, a webhook whose deliveries the log may have.
    pub async fn has_log(&self, account: &AccountName, id: WebhookId) -> Result<bool, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(HAS_LOG).await?;
        let row = connection.query_one(&statement, &[&account.as_str(), &id.0]).await?;
        Ok(row.get(0))
    }
}

fn deleted_webhook(row: &Row) -> DeletedWebhook {
    DeletedWebhook {
        id: WebhookId(row.get("id")),
        name: row.get("name"),
        deleted_at: row.get("deleted_at"),
    }
}
