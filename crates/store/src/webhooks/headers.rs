//! A webhook's request headers, encrypted at rest.

use domain::{AccountName, AuditAction, RequestHeader, WebhookId};
use serde::{Deserialize, Serialize};

use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::database::Database;
use crate::error::StoreError;
use crate::secret_keys::{Place, SecretKeys};

/// In the ciphertext.
#[derive(Serialize, Deserialize)]
struct StoredHeader {
    name: String,
    value: String,
    sensitive: bool,
}

const READ: &str = "/* webhooks.headers.read */ SELECT h.key_id, h.ciphertext
    FROM webhooks w LEFT JOIN webhook_headers h ON h.webhook_id = w.id WHERE w.account = $1 AND w.id = $2";

/// Increments the version, so that concurrent changes are serialised, and every process is notified.
const COUNT_CHANGE: &str = "/* webhooks.headers.count_change */
    UPDATE webhooks SET version = version + 1, updated_at = now() WHERE account = $1 AND id = $2";

const WRITE: &str = "/* webhooks.headers.write */
    INSERT INTO webhook_headers (webhook_id, names, key_id, ciphertext) VALUES ($1, $2, $3, $4)
    ON CONFLICT (webhook_id) DO UPDATE SET names = excluded.names, key_id = excluded.key_id,
        ciphertext = excluded.ciphertext";

const DELETE: &str = "/* webhooks.headers.delete */ DELETE FROM webhook_headers WHERE webhook_id = $1";

impl Database {
    /// The request headers of a webhook, sensitive values included; `None` when it does not exist.
    ///
    /// # Errors
    /// When the database is unavailable, or they do not decrypt.
    pub async fn request_headers(
        &self,
        account: &AccountName,
        webhook: WebhookId,
    ) -> Result<Option<Vec<RequestHeader>>, StoreError> {
        let connection = self.connection().await?;
        let Some(row) = connection.query_opt(READ, &[&account.as_str(), &webhook.0]).await? else {
            return Ok(None);
        };
        let place = Place::Headers { webhook, account };
        opened(&self.keys, place, row.get("key_id"), row.get("ciphertext")).map(Some)
    }

    /// Replaces the request headers of a webhook of `by`'s account; false when it does not exist.
    pub async fn set_request_headers(
        &self,
        by: &Bearer,
        webhook: WebhookId,
        headers: &[RequestHeader],
    ) -> Result<bool, StoreError> {
        let account = &by.account;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction
            .execute(COUNT_CHANGE, &[&account.as_str(), &webhook.0])
            .await?
            == 0
        {
            return Ok(false);
        }
        let names: Vec<&str> = headers.iter().map(RequestHeader::name).collect();
        if headers.is_empty() {
            transaction.execute(DELETE, &[&webhook.0]).await?;
        } else {
            let sealed = self
                .keys
                .seal_bytes(Place::Headers { webhook, account }, &encoded(headers));
            transaction
                .execute(WRITE, &[&webhook.0, &names, &sealed.key_id, &sealed.ciphertext])
                .await?;
        }
        let detail = format!("request headers ({})", names.join(", "));
        Entry::new(by, webhook, AuditAction::Edited)
            .with_detail(detail)
            .write(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn encoded(headers: &[RequestHeader]) -> Vec<u8> {
    let stored = headers.iter().map(|header| StoredHeader {
        name: header.name().to_owned(),
        value: header.expose().to_owned(),
        sensitive: header.is_sensitive(),
    });
    serde_json::to_vec(&stored.collect::<Vec<_>>()).expect("texts and booleans are JSON")
}

/// The headers of a row of `webhook_headers`, which may be missing.
pub(super) fn opened(
    keys: &SecretKeys,
    place: Place<'_>,
    key_id: Option<&str>,
    ciphertext: Option<&[u8]>,
) -> Result<Vec<RequestHeader>, StoreError> {
    let (Some(key_id), Some(ciphertext)) = (key_id, ciphertext) else {
        return Ok(Vec::new());
    };
    let (bytes, _) = keys.open_bytes(place, key_id, ciphertext)?;
    let stored: Vec<StoredHeader> = serde_json::from_slice(&bytes).map_err(|_| StoreError::Secret)?;
    let header = |stored: &StoredHeader| RequestHeader::new(&stored.name, &stored.value, stored.sensitive);
    stored
        .iter()
        .map(|stored| header(stored).map_err(|_| StoreError::UnknownValue("webhook_headers.ciphertext")))
        .collect()
}
