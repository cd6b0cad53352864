//! The webhooks of an account that are paused because of failures.

use domain::{AccountName, HealthEffect, PausedReason, WebhookId};

use crate::database::Database;
use crate::error::StoreError;

/// Those that were paused last, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoPaused {
    /// The latest.
    pub webhooks: Vec<AutoPausedWebhook>,
    /// Number of the others.
    pub more: i64,
}

/// An auto-paused webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoPausedWebhook {
    /// Its id.
    pub id: WebhookId,
    /// Its name.
    pub name: String,
    /// Why it was paused.
    pub reason: PausedReason,
}

impl AutoPausedWebhook {
    /// The sentence that its notification had.
    pub fn message(&self) -> String {
        HealthEffect::Pause(self.reason).message(&self.name)
    }
}

const AUTO_PAUSED: &str = "/* webhooks.auto_paused */
    SELECT id, name, paused_reason, count(*) OVER () AS all
    FROM webhooks WHERE account = $1 AND paused_reason <> 'user' ORDER BY paused_at DESC, id LIMIT $2";

impl Database {
    /// The account's auto-paused webhooks, the latest `named` of them by name.
    pub async fn auto_paused_webhooks(&self, account: &AccountName, named: usize) -> Result<AutoPaused, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(AUTO_PAUSED).await?;
        let limit = i64::try_from(named).unwrap_or(i64::MAX);
        let rows = connection.query(&statement, &[&account.as_str(), &limit]).await?;
        let all: i64 = rows.first().map_or(0, |row| row.get("all"));
        let webhooks = rows.iter().map(|row| {
            Ok(AutoPausedWebhook {
                id: WebhookId(row.get("id")),
                name: row.get("name"),
                reason: row
                    .get::<_, &str>("paused_reason")
                    .parse()
                    .map_err(|_| StoreError::UnknownValue("paused_reason"))?,
            })
        });
        let webhooks = webhooks.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(AutoPaused {
            more: all - webhooks.len() as i64,
            webhooks,
        })
    }
}
