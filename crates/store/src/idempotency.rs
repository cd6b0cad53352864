//! Idempotency keys, and the stored responses of their requests.

use domain::WebhookId;

use crate::bearer::Bearer;
use crate::database::Database;
use crate::error::StoreError;

/// A request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest<'a> {
    /// The principal; keys of different principals are independent.
    pub by: &'a Bearer,
    /// The key, chosen by the client.
    pub key: &'a str,
    /// SHA-256 of the request, to detect reuse of the key for another one.
    pub hash: [u8; 32],
}

/// The state of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// New, or its work was abandoned a minute ago: the caller does the work. A webhook to be created gets this id.
    Begun(WebhookId),
    /// Another request is doing the work.
    UnderWay,
    /// The key was used for a different request.
    OfAnother,
    /// The work was done.
    Answered(StoredAnswer),
}

/// The stored response of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its status.
    pub status: u16,
    /// Its body; `None` when it holds a secret and has to be built again.
    pub body: Option<String>,
    /// The created webhook, if any.
    pub webhook: WebhookId,
}

/// A key is kept for 24 hours. Work that began more than a minute ago ended without a response, since no request takes
/// so long: the process was killed, or the client disconnected.
const BEGIN: &str = "/* idempotency.begin */
    INSERT INTO idempotency_keys AS known (account, token_id, key, request_hash, webhook_id)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (account, token_id, key) DO UPDATE SET begun_at = now(), request_hash = excluded.request_hash,
        status = NULL, body = NULL,
        webhook_id = CASE WHEN known.created_at < now() - interval '24 hours'
            THEN excluded.webhook_id ELSE known.webhook_id END,
        created_at = CASE WHEN known.created_at < now() - interval '24 hours' THEN now() ELSE known.created_at END
    WHERE known.created_at < now() - interval '24 hours'
        OR (known.status IS NULL AND known.begun_at < now() - interval '1 minute'
            AND known.request_hash = excluded.request_hash)
    RETURNING webhook_id";

const FIND: &str = "/* idempotency.find */
    SELECT request_hash = $4 AS same, status, body, webhook_id FROM idempotency_keys
    WHERE account = $1 AND token_id = $2 AND key = $3";

const ANSWER: &str = "/* idempotency.answer */ UPDATE idempotency_keys SET status = $4, body = $5
    WHERE account = $1 AND token_id = $2 AND key = $3";

const GIVE_UP: &str = "/* idempotency.give_up */ DELETE FROM idempotency_keys
    WHERE account = $1 AND token_id = $2 AND key = $3 AND status IS NULL";

const DELETE: &str = "/* idempotency.delete */
    DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'";

impl Database {
    /// Begins the work of a request, unless it was done, or is being done.
    pub async fn begin_keyed(&self, request: &KeyedRequest<'_>) -> Result<KeyState, StoreError> {
        let connection = self.connection().await?;
        let account = request.by.account.as_str();
        let token = request.by.key();
        let hash = request.hash.as_slice();
        let id = WebhookId::generate();
        let begun = connection
            .query_opt(BEGIN, &[&account, &token, &request.key, &hash, &id.0])
            .await?;
        if let Some(row) = begun {
            return Ok(KeyState::Begun(WebhookId(row.get(0))));
        }
        // Deleted meanwhile: the other request has just failed.
        let found = connection
            .query_opt(FIND, &[&account, &token, &request.key, &hash])
            .await?;
        let Some(row) = found else {
            return Ok(KeyState::UnderWay);
        };
        if !row.get::<_, bool>("same") {
            return Ok(KeyState::OfAnother);
        }
        let Some(status) = row.get::<_, Option<i16>>("status") else {
            return Ok(KeyState::UnderWay);
        };
        let status = u16::try_from(status).map_err(|_| StoreError::UnknownValue("status"))?;
        Ok(KeyState::Answered(StoredAnswer {
            status,
            body: row.get("body"),
            webhook: WebhookId(row.get("webhook_id")),
        }))
    }

    /// Stores the response of a request. `body` is `None` when it holds a secret.
    pub async fn answer_keyed(
        &self,
        request: &KeyedRequest<'_>,
        status: u16,
        body: Option<&str>,
    ) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let account = request.by.account.as_str();
        let status = status as i16;
        connection
            .execute(ANSWER, &[&account, &request.by.key(), &request.key, &status, &body])
            .await?;
        Ok(())
    }

    /// Deletes a key whose request changed nothing.
    pub async fn give_up_keyed(&self, request: &KeyedRequest<'_>) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        connection
            .execute(
                GIVE_UP,
                &[&request.by.account.as_str(), &request.by.key(), &request.key],
            )
            .await?;
        Ok(())
    }

    /// Deletes expired keys.
    pub async fn delete_old_idempotency_keys(&self) -> Result<u64, StoreError> {
        self.connection().await?.execute(DELETE, &[]).await
    }
}
