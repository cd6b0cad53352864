//! The audit trail: who did what to which webhook, and when. It is only ever added to.

use domain::{AccountName, AuditAction, WebhookId};
use jiff::Timestamp;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use crate::bearer::{Bearer, Who};
use crate::database::Database;
use crate::error::StoreError;

/// One line of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: Uuid,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it.
    pub by: Who,
    /// What their token is for; empty for one that has no name, and for a person without one.
    pub token_name: String,
    /// What was done.
    pub action: AuditAction,
    /// What of it, in words; may be empty.
    pub detail: String,
}

/// A line to be written, in the transaction of what it tells wherever something is changed: then there is no change
/// without its line, and no line without its change.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    by: &'a Bearer,
    webhook: WebhookId,
    action: AuditAction,
    detail: String,
}

impl<'a> Entry<'a> {
    /// Says that `by` does this to a webhook of their account.
    pub fn new(by: &'a Bearer, webhook: WebhookId, action: AuditAction) -> Self {
        Self { by, webhook, action, detail: String::new() }
    }

    /// Says what of it. Never holds a secret.
    pub(crate) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    pub(crate) async fn write(self, client: &impl GenericClient) -> Result<(), StoreError> {
        let (id, account, action) = (Uuid::now_v7(), self.by.account.as_str(), self.action.as_str());
        let (token, subject) = self.by.who.columns();
        client.execute(ADD, &[&id, &account, &self.webhook.0, &token, &subject, &action, &self.detail]).await?;
        Ok(())
    }
}

const ADD: &str = "INSERT INTO audit_entries (id, account, webhook_id, token_id, subject, action, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const PAGE: &str = "SELECT a.id, a.at, a.token_id, a.subject, coalesce(t.name, '') AS token_name, a.action, a.detail
    FROM audit_entries a LEFT JOIN api_tokens t ON t.id = a.token_id
    WHERE a.account = $1 AND a.webhook_id = $2
        AND (a.at, a.id) < (coalesce($3, 'infinity'::timestamptz),
            coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
    ORDER BY a.at DESC, a.id DESC LIMIT $5";

impl Database {
    /// Writes down what changes nothing here, such as that a secret is shown.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn audit(&self, entry: Entry<'_>) -> Result<(), StoreError> {
        entry.write(&**self.connection().await?).await
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
        by: Who::of(row),
        token_name: row.get("token_name"),
        action: row.get::<_, &str>("action").parse().map_err(|_| StoreError::UnknownValue("action"))?,
        detail: row.get("detail"),
    })
}
