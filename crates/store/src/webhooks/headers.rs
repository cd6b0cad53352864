//! A webhook's request headers, encrypted at rest.

use domain::{AccountName, AuditAction, RequestHeader, WebhookId};
use serde::{Deserialize, Serialize};
use tokio_postgres::types::ToSql;

use super::manage::{EXISTS, EditOutcome};
use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::connection::Connection;
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
    UPDATE webhooks SET version = version + 1, updated_at = now()
    WHERE account = $1 AND id = $2 AND ($3::bigint IS NULL OR version = $3)";

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
        self.read_headers(&connection, account, webhook).await
    }

    async fn read_headers(
        &self,
        connection: &Connection,
        account: &AccountName,
        webhook: WebhookId,
    ) -> Result<Option<Vec<RequestHeader>>, StoreError> {
        let Some(row) = connection.query_opt(READ, &[&account.as_str(), &webhook.0]).await? else {
            return Ok(None);
        };
        let place = Place::Headers { webhook, account };
        opened(&self.keys, place, row.get("key_id"), row.get("ciphertext")).map(Some)
    }

    /// Replaces the request headers of a webhook of `by`'s account by what `change` makes of the present ones; with
    /// `if_version`, only if the webhook is still at that version. The webhook is locked meanwhile, so that a value that
    /// is kept is the present one. Headers that do not decrypt are replaced as if there were none.
    ///
    /// # Errors
    /// When the database is unavailable. An error of `change` is the result, and nothing was changed then.
    pub async fn change_request_headers<E>(
        &self,
        by: &Bearer,
        webhook: WebhookId,
        if_version: Option<i64>,
        change: impl FnOnce(&[RequestHeader]) -> Result<Vec<RequestHeader>, E> + Send,
    ) -> Result<EditOutcome<Result<Vec<RequestHeader>, E>>, StoreError> {
        let account = &by.account;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let row = [&account.as_str() as &(dyn ToSql + Sync), &webhook.0];
        if transaction
            .execute(COUNT_CHANGE, &[row[0], row[1], &if_version])
            .await?
            == 0
        {
            let exists: bool = transaction.query_one(EXISTS, &row).await?.get(0);
            return Ok(if exists {
                EditOutcome::Stale
            } else {
                EditOutcome::NotFound
            });
        }
        let present = match self.read_headers(&transaction, account, webhook).await {
            Err(StoreError::Secret) => Vec::new(),
            present => present?.unwrap_or_default(),
        };
        let headers = match change(&present) {
            Ok(headers) => headers,
            Err(error) => return Ok(EditOutcome::Done(Err(error))),
        };
        let names: Vec<&str> = headers.iter().map(RequestHeader::name).collect();
        if headers.is_empty() {
            transaction.execute(DELETE, &[&webhook.0]).await?;
        } else {
            let sealed = self
                .keys
                .seal_bytes(Place::Headers { webhook, account }, &encoded(&headers));
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
        Ok(EditOutcome::Done(Ok(headers)))
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
    let header = |stored: StoredHeader| RequestHeader::stored(stored.name, stored.value, stored.sensitive);
    Ok(stored.into_iter().map(header).collect())
}
