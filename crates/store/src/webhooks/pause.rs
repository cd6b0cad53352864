//! Pauses and resumes webhooks, always within one account.

use domain::{AuditAction, ReleaseRate, WebhookId};

use super::Webhook;
use super::manage::one_webhook;
use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::database::Database;
use crate::error::StoreError;
use crate::release::next_turn_soon;

/// A paused webhook keeps its reason and time.
const PAUSE: &str = "/* webhooks.pause.pause */ UPDATE webhooks SET paused_reason = 'user', paused_at = now()
    WHERE account = $1 AND id = $2 AND paused_reason IS NULL";

/// Resets the counters, or the first failure would pause it again. Held deliveries are released, with a slow start
/// after an auto-pause.
const RESUME: &str = concat!(
    "/* webhooks.pause.resume */ WITH paused AS (
        SELECT id, paused_reason FROM webhooks WHERE account = $1 AND id = $2 AND paused_reason IS NOT NULL FOR UPDATE
    ), resumed AS (
        UPDATE webhooks w SET paused_reason = NULL, paused_at = NULL, consecutive_failures = 0, failed_attempts = 0,
            failing_since = NULL
        FROM paused WHERE w.id = paused.id RETURNING w.id, paused.paused_reason
    )
    INSERT INTO releases (webhook_id, per_second)
    SELECT id, CASE WHEN paused_reason = 'user' THEN $3::float8 ELSE $4::float8 END FROM resumed
    ON CONFLICT (webhook_id) DO UPDATE SET per_second = excluded.per_second, next_at = ",
    next_turn_soon!()
);

impl Database {
    /// Pauses a webhook of `by`'s account; a trigger notifies the senders. `None` when it does not exist; true when
    /// this call paused it.
    pub async fn pause_webhook(&self, by: &Bearer, id: WebhookId) -> Result<Option<(Webhook, bool)>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let paused = transaction.execute(PAUSE, &[&by.account.as_str(), &id.0]).await?;
        if paused > 0 {
            Entry::new(by, id, AuditAction::Paused).write(&transaction).await?;
        }
        let webhook = one_webhook(&transaction, &by.account, id).await?;
        transaction.commit().await?;
        Ok(webhook.map(|webhook| (webhook, paused > 0)))
    }

    /// Resumes a webhook of `by`'s account: held deliveries are released, oldest first, at the configured rate `rate`
    /// after a manual pause. `None` when it does not exist; true when this call resumed it.
    pub async fn resume_webhook(
        &self,
        by: &Bearer,
        id: WebhookId,
        rate: ReleaseRate,
    ) -> Result<Option<(Webhook, bool)>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let full = rate.per_second();
        let careful = ReleaseRate::CAREFUL.per_second();
        let resumed = transaction
            .execute(RESUME, &[&by.account.as_str(), &id.0, &full, &careful])
            .await?;
        if resumed > 0 {
            Entry::new(by, id, AuditAction::Resumed).write(&transaction).await?;
        }
        let webhook = one_webhook(&transaction, &by.account, id).await?;
        transaction.commit().await?;
        Ok(webhook.map(|webhook| (webhook, resumed > 0)))
    }
}
