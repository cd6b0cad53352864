//! A webhook's secrets: the one in use, and those that it replaced.

use domain::{AccountName, AuditAction, SigningSecret, WebhookId};
use jiff::Timestamp;
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::Webhook;
use super::manage::one_webhook;
use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::database::Database;
use crate::error::StoreError;

const ADD: &str = "INSERT INTO webhook_secrets (id, webhook_id, key_id, ciphertext) VALUES ($1, $2, $3, $4)";

const CURRENT: &str = "SELECT s.id, s.key_id, s.ciphertext
    FROM webhook_secrets s JOIN webhooks w ON w.id = s.webhook_id
    WHERE w.account = $1 AND w.id = $2 AND s.expires_at IS NULL";

/// Counts the edit, so that two rotations at once come one after the other, and every process is told.
const COUNT_ROTATION: &str = "UPDATE webhooks SET version = version + 1, updated_at = now()
    WHERE account = $1 AND id = $2";

/// The replaced secret signs beside the new one for a day; one that was replaced before goes on ending when it was to.
const RETIRE: &str = "UPDATE webhook_secrets SET expires_at = now() + interval '24 hours'
    WHERE webhook_id = $1 AND expires_at IS NULL RETURNING expires_at";

/// Every secret is another signature in every request, and receivers' headers have a limit: of the replaced ones, the
/// newest three go on.
const DROP_OLDEST: &str = "DELETE FROM webhook_secrets WHERE id IN (
        SELECT id FROM webhook_secrets WHERE webhook_id = $1 AND expires_at IS NOT NULL
        ORDER BY expires_at DESC, id DESC OFFSET 3)";

const FORGET_EXPIRED: &str = "DELETE FROM webhook_secrets WHERE expires_at < now()";

impl Database {
    pub(super) async fn add_secret(
        &self,
        transaction: &Transaction<'_>,
        webhook: WebhookId,
        secret: &SigningSecret,
    ) -> Result<(), StoreError> {
        let row = Uuid::now_v7();
        let sealed = self.keys.seal(row, secret);
        transaction.execute(ADD, &[&row, &webhook.0, &sealed.key_id, &sealed.ciphertext]).await?;
        Ok(())
    }

    /// The secret the webhook signs with now.
    ///
    /// # Errors
    /// When the database is away, or the secret does not decrypt.
    pub async fn current_secret(
        &self,
        account: &AccountName,
        id: WebhookId,
    ) -> Result<Option<SigningSecret>, StoreError> {
        let row = self.connection().await?.query_opt(CURRENT, &[&account.as_str(), &id.0]).await?;
        row.map(|row| self.keys.open(row.get("id"), row.get("key_id"), row.get("ciphertext"))).transpose()
    }

    /// Gives a webhook of `by`'s account another secret; the former one signs beside it for 24 hours, until the time
    /// returned, unless three others replace it before. `None` when there is no such webhook.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn rotate_secret(
        &self,
        by: &Bearer,
        id: WebhookId,
        secret: &SigningSecret,
    ) -> Result<Option<(Webhook, Timestamp)>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction.execute(COUNT_ROTATION, &[&by.account.as_str(), &id.0]).await? == 0 {
            return Ok(None);
        }
        let retired_until = transaction.query_one(RETIRE, &[&id.0]).await?.get(0);
        transaction.execute(DROP_OLDEST, &[&id.0]).await?;
        self.add_secret(&transaction, id, secret).await?;
        Entry::new(by, id, AuditAction::SecretRotated).write(&*transaction).await?;
        let rotated = one_webhook(&*transaction, &by.account, id).await?;
        transaction.commit().await?;
        Ok(rotated.map(|webhook| (webhook, retired_until)))
    }

    /// Removes secrets that no longer sign.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn forget_expired_secrets(&self) -> Result<u64, StoreError> {
        Ok(self.connection().await?.execute(FORGET_EXPIRED, &[]).await?)
    }
}
