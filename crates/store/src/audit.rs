//! The audit trail: who did what to which webhook, and when. It is only ever added to.

use domain::{AccountName, AuditAction, WebhookId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;
use crate::tokens::Bearer;

/// One line of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: Uuid,
    /// When it was done.
    pub at: Timestamp,
    /// With which token.
    pub token: Uuid,
    /// What that token is for; empty for one that has no name.
    pub token_name: String,
    /// What was done.
    pub action: AuditAction,
    /// What of it, in words; may be empty.
    pub detail: String,
}

const ADD: &str = "INSERT INTO audit_entries (id, account, webhook_id, token_id, action, detail)
    VALUES ($1, $2, $3, $4, $5, $6)";

const PAGE: &str = "SELECT a.id, a.at, a.token_id, coalesce(t.name, '') AS token_name, a.action, a.detail
    FROM audit_entries a LEFT JOIN api_tokens t ON t.id = a.token_id
    WHERE a.account = $1 AND a.webhook_id = $2
        AND (a.at, a.id) < (coalesce($3, 'infinity'::timestamptz),
            coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
    ORDER BY a.at DESC, a.id DESC LIMIT $5";

impl Database {
    /// Writes down that `by` did something to a webhook. `detail` says what of it, and never holds a secret.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn audit(
        &self,
        by: &Bearer,
        webhook: WebhookId,
        action: AuditAction,
        detail: &str,
    ) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(ADD).await?;
        let (id, account, action) = (Uuid::now_v7(), by.account.as_str(), action.as_str());
        connection.execute(&statement, &[&id, &account, &webhook.0, &by.token, &action, &detail]).await?;
        Ok(())
    }

    /// A page of a webhook's trail, newest first, from the entry after `after`. A deleted webhook's is still there.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn audit_entries(
        &self,
        account: &AccountName,
        webhook: WebhookId,
        after: Option<(Timestamp, Uuid)>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let (at, id) = after.unzip();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(PAGE).await?;
        let rows = connection.query(&statement, &[&account.as_str(), &webhook.0, &at, &id, &limit]).await?;
        rows.iter().map(entry).collect()
    }
}

fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.get("id"),
        at: row.get("at"),
        token: row.get("token_id"),
        token_name: row.get("token_name"),
        action: row.get::<_, &str>("action").parse().map_err(|_| StoreError::UnknownValue("action"))?,
        detail: row.get("detail"),
    })
}
