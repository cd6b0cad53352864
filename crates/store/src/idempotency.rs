//! Keys by which clients say that two requests are one, and how the first was answered.

use domain::WebhookId;

use crate::bearer::Bearer;
use crate::database::Database;
use crate::error::StoreError;

/// A request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest<'a> {
    /// Who sent it; keys of different tokens have nothing to do with each other.
    pub by: &'a Bearer,
    /// The key that the client chose.
    pub key: &'a str,
    /// SHA-256 of everything that makes it this request.
    pub hash: [u8; 32],
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// Nothing, or its work was given up a minute ago: the caller does the work. A webhook to be added gets this id.
    Begun(WebhookId),
    /// Somebody is doing the work.
    UnderWay,
    /// It was sent with another request.
    OfAnother,
    /// The work was done.
    Answered(StoredAnswer),
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Status of the answer.
    pub status: u16,
    /// Its body; `None` when it holds a secret and has to be made again.
    pub body: Option<String>,
    /// The webhook that was added, if one was.
    pub webhook: WebhookId,
}

/// A key is remembered for 24 hours. Work that was begun more than a minute ago ended without an answer, since no request
/// takes so long: the process was killed, or the client went away.
const BEGIN: &str = "INSERT INTO idempotency_keys AS known (account, token_id, key, request_hash, webhook_id)
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

const FIND: &str = "SELECT request_hash = $4 AS same, status, body, webhook_id FROM idempotency_keys
    WHERE account = $1 AND token_id = $2 AND key = $3";

const ANSWER: &str = "UPDATE idempotency_keys SET status = $4, body = $5
    WHERE account = $1 AND token_id = $2 AND key = $3";

const GIVE_UP: &str = "DELETE FROM idempotency_keys
    WHERE account = $1 AND token_id = $2 AND key = $3 AND status IS NULL";

const FORGET: &str = "DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'";

impl Database {
    /// Begins the work that a request asks for, unless that was done, or is being done.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn begin_keyed(&self, request: &KeyedRequest<'_>) -> Result<KeyState, StoreError> {
        let connection = self.connection().await?;
        let (account, token, hash) = (request.by.account.as_str(), request.by.key(), request.hash.as_slice());
        let id = WebhookId::generate();
        let begun = connection.query_opt(BEGIN, &[&account, &token, &request.key, &hash, &id.0]).await?;
        if let Some(row) = begun {
            return Ok(KeyState::Begun(WebhookId(row.get(0))));
        }
        // Gone again: whoever did the work has just given it up.
        let found = connection.query_opt(FIND, &[&account, &token, &request.key, &hash]).await?;
        let Some(row) = found else { return Ok(KeyState::UnderWay) };
        if !row.get::<_, bool>("same") {
            return Ok(KeyState::OfAnother);
        }
        let Some(status) = row.get::<_, Option<i16>>("status") else { return Ok(KeyState::UnderWay) };
        let status = u16::try_from(status).map_err(|_| StoreError::UnknownValue("status"))?;
        Ok(KeyState::Answered(StoredAnswer {
            status,
            body: row.get("body"),
            webhook: WebhookId(row.get("webhook_id")),
        }))
    }

    /// Remembers how a request was answered. `body` is left out when it holds a secret.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn answer_keyed(
        &self,
        request: &KeyedRequest<'_>,
        status: u16,
        body: Option<&str>,
    ) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let (account, status) = (request.by.account.as_str(), status as i16);
        connection.execute(ANSWER, &[&account, &request.by.key(), &request.key, &status, &body]).await?;
        Ok(())
    }

    /// Forgets a key whose request changed nothing.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn give_up_keyed(&self, request: &KeyedRequest<'_>) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        connection.execute(GIVE_UP, &[&request.by.account.as_str(), &request.by.key(), &request.key]).await?;
        Ok(())
    }

    /// Removes keys that are no longer remembered.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn forget_old_idempotency_keys(&self) -> Result<u64, StoreError> {
        Ok(self.connection().await?.execute(FORGET, &[]).await?)
    }
}
