//! The audit trail: who did what, to which webhook, and when. Append-only; expired entries are deleted by its own
//! retention, which is longer than that of the delivery log.

use domain::{AccountName, AuditAction, WebhookId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::bearer::{Bearer, Who};
use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: Uuid,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it.
    pub by: Who,
    /// Name of their API token; empty for a token without a name, and for a person without a token.
    pub token_name: String,
    /// The webhook it was done to; none for sessions and tokens.
    pub webhook: Option<WebhookId>,
    /// The action.
    pub action: AuditAction,
    /// Details in words; may be empty.
    pub detail: String,
}

/// Filter and page of an account's entries.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter {
    /// Only those of then or later.
    pub since: Option<Timestamp>,
    /// Only those before then.
    pub until: Option<Timestamp>,
    /// Only those after this one, in the order of the list.
    pub after: Option<(Timestamp, Uuid)>,
}

/// An entry to be written, in the transaction of the change it describes: there is no change without its entry, and no
/// entry without its change.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    account: &'a AccountName,
    by: &'a Who,
    webhook: Option<WebhookId>,
    action: AuditAction,
    detail: String,
}

impl<'a> Entry<'a> {
    /// `by` does this to a webhook of their account.
    pub fn new(by: &'a Bearer, webhook: WebhookId, action: AuditAction) -> Self {
        Self {
            webhook: Some(webhook),
            ..Self::of_account(&by.account, &by.who, action)
        }
    }

    /// `by` does this in an account, not to a webhook.
    pub fn of_account(account: &'a AccountName, by: &'a Who, action: AuditAction) -> Self {
        Self {
            account,
            by,
            webhook: None,
            action,
            detail: String::new(),
        }
    }

    /// Adds details. Never a secret.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    pub(crate) async fn write(self, client: &Connection) -> Result<(), StoreError> {
        let id = Uuid::now_v7();
        let account = self.account.as_str();
        let action: &str = self.action.into();
        let ((token, subject), webhook) = (self.by.columns(), self.webhook.map(|webhook| webhook.0));
        client
            .execute(ADD, &[&id, &account, &webhook, &token, &subject, &action, &self.detail])
            .await?;
        Ok(())
    }
}

const ADD: &str = "/* audit.add */
    INSERT INTO audit_entries (id, account, webhook_id, token_id, subject, action, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const PAGE: &str = "/* audit.page */
    SELECT a.id, a.at, a.token_id, a.subject, coalesce(t.name, '') AS token_name, a.webhook_id, a.action, a.detail
    FROM audit_entries a LEFT JOIN api_tokens t ON t.id = a.token_id
    WHERE a.account = $1 AND a.webhook_id = $2
        AND (a.at, a.id) < (coalesce($3, 'infinity'::timestamptz),
            coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
    ORDER BY a.at DESC, a.id DESC LIMIT $5";

const ACCOUNT_PAGE: &str = "/* audit.account_page */
    SELECT a.id, a.at, a.token_id, a.subject, coalesce(t.name, '') AS token_name, a.webhook_id, a.action, a.detail
    FROM audit_entries a LEFT JOIN api_tokens t ON t.id = a.token_id
    WHERE a.account = $1
        AND a.at >= coalesce($2, '-infinity'::timestamptz) AND a.at < coalesce($3, 'infinity'::timestamptz)
        AND (a.at, a.id) < (coalesce($4, 'infinity'::timestamptz),
            coalesce($5, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
    ORDER BY a.at DESC, a.id DESC LIMIT $6";

/// Without it the trail's trigger refuses every deletion.
const RETENTION: &str = "SET LOCAL webhooks.retention = 'on'";

/// By the database's clock.
const DELETE: &str = "/* audit.delete */ DELETE FROM audit_entries WHERE id IN (
        SELECT id FROM audit_entries WHERE at < now() - make_interval(days => $1) ORDER BY at LIMIT $2)";

/// Rows deleted in one transaction.
const DELETE_BATCH: i64 = 5_000;

impl Database {
    /// Writes an entry for an action without a change here, such as showing a secret.
    pub async fn audit(&self, entry: Entry<'_>) -> Result<(), StoreError> {
        entry.write(&self.connection().await?).await
    }

    /// Deletes entries of all accounts that are older than `days` days, and returns their number.
    ///
    /// # Errors
    /// Some entries may be deleted by then.
    pub async fn delete_old_audit_entries(&self, days: u16) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let mut connection = self.connection().await?;
            let transaction = connection.transaction().await?;
            transaction.batch_execute(RETENTION).await?;
            let removed = transaction.execute(DELETE, &[&i32::from(days), &DELETE_BATCH]).await?;
            transaction.commit().await?;
            deleted += removed;
            if removed < DELETE_BATCH.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }

    /// A page of a webhook's entries, newest first, from the entry after `after`. Entries of a deleted webhook are
    /// included.
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
        let rows = connection
            .query(&statement, &[&account.as_str(), &webhook.0, &at, &id, &limit])
            .await?;
        rows.iter().map(entry).collect()
    }

    /// A page of an account's entries, newest first.
    pub async fn account_audit_entries(
        &self,
        account: &AccountName,
        filter: &AuditFilter,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let (at, id) = filter.after.unzip();
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(ACCOUNT_PAGE).await?;
        let rows = connection
            .query(
                &statement,
                &[&account.as_str(), &filter.since, &filter.until, &at, &id, &limit],
            )
            .await?;
        rows.iter().map(entry).collect()
    }
}

fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.get("id"),
        at: row.get("at"),
        by: Who::of(row),
        token_name: row.get("token_name"),
        webhook: row.get::<_, Option<Uuid>>("webhook_id").map(WebhookId),
        action: row
            .get::<_, &str>("action")
            .parse()
            .map_err(|_| StoreError::UnknownValue("action"))?,
        detail: row.get("detail"),
    })
}
