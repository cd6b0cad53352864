//! A webhook's secrets: the current one and its predecessors.

use domain::check_request::KnownSecret;
use domain::{AccountName, AuditAction, SigningSecret, WebhookId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Webhook;
use super::manage::one_webhook;
use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::connection::Transaction;
use crate::database::Database;
use crate::error::StoreError;
use crate::secret_keys::Place;

const ADD: &str = "/* webhooks.secret.add */
    INSERT INTO webhook_secrets (id, webhook_id, key_id, ciphertext) VALUES ($1, $2, $3, $4)";

const CURRENT: &str = "/* webhooks.secret.current */ SELECT s.id, s.key_id, s.ciphertext
    FROM webhook_secrets s JOIN webhooks w ON w.id = s.webhook_id
    WHERE w.account = $1 AND w.id = $2 AND s.expires_at IS NULL";

/// Former ones too, also those that have stopped signing and are not deleted yet. A key that is not configured here must
/// not hide the others.
const ALL: &str = "/* webhooks.secret.all */ SELECT s.id, s.key_id, s.ciphertext, s.expires_at
    FROM webhook_secrets s JOIN webhooks w ON w.id = s.webhook_id
    WHERE w.account = $1 AND w.id = $2 ORDER BY s.expires_at DESC NULLS FIRST";

/// Increments the version, so that concurrent rotations are serialised, and every process is notified.
const COUNT_ROTATION: &str = "/* webhooks.secret.count_rotation */
    UPDATE webhooks SET version = version + 1, updated_at = now()
    WHERE account = $1 AND id = $2";

/// The former secret signs beside the new one for a day; earlier ones keep their expiry.
const RETIRE: &str = "/* webhooks.secret.retire */ UPDATE webhook_secrets SET expires_at = now() + interval '24 hours'
    WHERE webhook_id = $1 AND expires_at IS NULL RETURNING expires_at";

/// Every secret adds a signature to every request, and receivers limit their headers: only the newest three former
/// secrets are kept.
const DROP_OLDEST: &str = "/* webhooks.secret.drop_oldest */ DELETE FROM webhook_secrets WHERE id IN (
        SELECT id FROM webhook_secrets WHERE webhook_id = $1 AND expires_at IS NOT NULL
        ORDER BY expires_at DESC, id DESC OFFSET 3)";

const DELETE_EXPIRED: &str = "/* webhooks.secret.delete_expired */
    DELETE FROM webhook_secrets WHERE expires_at < now()";

/// Of webhooks only: a form that waits to be tested is gone in minutes, and must not keep anybody from starting.
const KEY_IDS: &str = "/* webhooks.secret.key_ids */
    SELECT DISTINCT key_id FROM webhook_secrets UNION SELECT DISTINCT key_id FROM webhook_headers";

impl Database {
    /// True when every stored secret was encrypted with a key that is configured here. Without this look a mistaken key
    /// would fail every delivery, one by one.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn has_all_keys(&self) -> Result<bool, StoreError> {
        let rows = self.connection().await?.query(KEY_IDS, &[]).await?;
        Ok(rows.iter().all(|row| self.keys.knows(row.get("key_id"))))
    }

    pub(super) async fn add_secret(
        &self,
        transaction: &Transaction<'_>,
        account: &AccountName,
        webhook: WebhookId,
        secret: &SigningSecret,
    ) -> Result<(), StoreError> {
        let row = Uuid::now_v7();
        let sealed = self.keys.seal(Place::Webhook { row, webhook, account }, secret);
        transaction
            .execute(ADD, &[&row, &webhook.0, &sealed.key_id, &sealed.ciphertext])
            .await?;
        Ok(())
    }

    /// The current secret of the webhook.
    ///
    /// # Errors
    /// When the database is unavailable, or the secret does not decrypt.
    pub async fn current_secret(
        &self,
        account: &AccountName,
        id: WebhookId,
    ) -> Result<Option<SigningSecret>, StoreError> {
        let row = self
            .connection()
            .await?
            .query_opt(CURRENT, &[&account.as_str(), &id.0])
            .await?;
        let open = |row: Row| {
            let place = Place::Webhook {
                row: row.get("id"),
                webhook: id,
                account,
            };
            self.keys.open(place, row.get("key_id"), row.get("ciphertext"))
        };
        row.map(open).transpose()
    }

    /// The secrets of the webhook, the current one first; former ones with the time that they stop or stopped signing.
    ///
    /// # Errors
    /// When the database is unavailable, or none of them decrypts.
    pub async fn all_secrets(&self, account: &AccountName, id: WebhookId) -> Result<Vec<KnownSecret>, StoreError> {
        let connection = self.connection().await?;
        let rows = connection.query(ALL, &[&account.as_str(), &id.0]).await?;
        let mut secrets = Vec::with_capacity(rows.len());
        for row in &rows {
            let place = Place::Webhook {
                row: row.get("id"),
                webhook: id,
                account,
            };
            if let Ok(secret) = self.keys.open(place, row.get("key_id"), row.get("ciphertext")) {
                let expires_at = row.get("expires_at");
                secrets.push(KnownSecret { secret, expires_at });
            }
        }
        if secrets.is_empty() && !rows.is_empty() {
            return Err(StoreError::Secret);
        }
        Ok(secrets)
    }

    /// Replaces the secret of a webhook of `by`'s account; the former one signs beside it for 24 hours, until the
    /// returned time, unless three others replace it before. `None` when the webhook does not exist.
    pub async fn rotate_secret(
        &self,
        by: &Bearer,
        id: WebhookId,
        secret: &SigningSecret,
    ) -> Result<Option<(Webhook, Timestamp)>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction
            .execute(COUNT_ROTATION, &[&by.account.as_str(), &id.0])
            .await?
            == 0
        {
            return Ok(None);
        }
        let retired_until = transaction.query_one(RETIRE, &[&id.0]).await?.get(0);
        transaction.execute(DROP_OLDEST, &[&id.0]).await?;
        self.add_secret(&transaction, &by.account, id, secret).await?;
        Entry::new(by, id, AuditAction::SecretRotated)
            .write(&transaction)
            .await?;
        let rotated = one_webhook(&transaction, &by.account, id).await?;
        transaction.commit().await?;
        Ok(rotated.map(|webhook| (webhook, retired_until)))
    }

    /// Deletes secrets that no longer sign.
    pub async fn delete_expired_secrets(&self) -> Result<u64, StoreError> {
        self.connection().await?.execute(DELETE_EXPIRED, &[]).await
    }
}
