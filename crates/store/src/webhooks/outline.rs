//! An account's webhooks in outline: what decides whether an event reaches them.

use domain::verdict::WebhookFacts;
use domain::{AccountName, Conditions, WebhookId};

use super::event_types;
use crate::database::Database;
use crate::error::StoreError;

/// A webhook in outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookOutline {
    /// Its id.
    pub id: WebhookId,
    /// Its name.
    pub name: String,
    /// What verdicts depend on.
    pub facts: WebhookFacts,
    /// What must hold for an event that it gets.
    pub conditions: Conditions,
}

const OUTLINES: &str = "/* webhooks.outline.outlines */ SELECT id, name, event_types, conditions::text AS conditions,
        paused_at, created_at, updated_at
    FROM webhooks WHERE account = $1 ORDER BY created_at, id";

impl Database {
    /// All webhooks of the account, oldest first.
    pub async fn webhook_outlines(&self, account: &AccountName) -> Result<Vec<WebhookOutline>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(OUTLINES).await?;
        let rows = connection.query(&statement, &[&account.as_str()]).await?;
        let outline = |row: &tokio_postgres::Row| WebhookOutline {
            id: WebhookId(row.get("id")),
            name: row.get("name"),
            conditions: Conditions::from_json(row.get("conditions")),
            facts: WebhookFacts {
                event_types: event_types(&row.get::<_, Vec<&str>>("event_types")),
                paused_at: row.get("paused_at"),
                created_at: row.get("created_at"),
                updated_at: row.get("updated_at"),
            },
        };
        Ok(rows.iter().map(outline).collect())
    }
}
