//! Forms of test deliveries: stored by the requesting `fanout`, claimed once by a sender.

use domain::{AccountName, EndpointUrl, EventType, RequestHeader, SigningSecret, WebhookId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;
use crate::secret_keys::Place;

/// The subject of a test delivery.
#[derive(Debug)]
pub enum TestSubject {
    /// A webhook as it is saved when the attempt is made.
    Saved(WebhookId),
    /// An unsaved form.
    Form {
        /// Its endpoint.
        url: EndpointUrl,
        /// Its secret.
        secret: SigningSecret,
    },
}

/// The data that a sender needs for a test delivery.
#[derive(Debug)]
pub struct TestForm {
    /// The webhook; `None` for a form that was not saved.
    pub webhook: Option<WebhookId>,
    /// Normalised endpoint URL.
    pub url: String,
    /// All signing secrets, as for a delivery.
    pub secrets: Vec<SigningSecret>,
    /// Request headers of a saved webhook.
    pub headers: Vec<RequestHeader>,
    /// Name of the type whose example is sent.
    pub event_type: String,
}

const ADD_FORM: &str = "/* test_requests.add_form */
    INSERT INTO test_requests (id, account, url, key_id, ciphertext, event_type)
    VALUES ($1, $2, $3, $4, $5, $6)";

const ADD_SAVED: &str = "/* test_requests.add_saved */ INSERT INTO test_requests (id, account, webhook_id, event_type)
    SELECT $1, account, id, $4 FROM webhooks WHERE account = $2 AND id = $3";

/// Of several senders that claim the same form, one gets it.
const TAKE: &str = "/* test_requests.take */ DELETE FROM test_requests WHERE id = $1 AND account = $2
    RETURNING id, webhook_id, url, key_id, ciphertext, event_type";

const DELETE: &str = "/* test_requests.delete */ DELETE FROM test_requests WHERE id = $1 AND account = $2";

/// No caller waits that long: a request has ten minutes at most.
const DELETE_OLD: &str = "/* test_requests.delete_old */
    DELETE FROM test_requests WHERE created_at < now() - interval '15 minutes'";

impl Database {
    /// Stores a form and returns the id of the test delivery; `None` when the account has no such webhook.
    pub async fn add_test_request(
        &self,
        account: &AccountName,
        subject: &TestSubject,
        event_type: EventType,
    ) -> Result<Option<Uuid>, StoreError> {
        let id = Uuid::now_v7();
        let name = account.as_str();
        let event_type = event_type.name();
        let connection = self.connection().await?;
        let added = match subject {
            TestSubject::Saved(webhook) => {
                connection
                    .execute(ADD_SAVED, &[&id, &name, &webhook.0, &event_type])
                    .await?
            }
            TestSubject::Form { url, secret } => {
                let sealed = self.keys.seal(Place::Test { row: id, account }, secret);
                let key_id = &sealed.key_id;
                let ciphertext = &sealed.ciphertext;
                connection
                    .execute(ADD_FORM, &[&id, &name, &url.as_str(), key_id, ciphertext, &event_type])
                    .await?
            }
        };
        Ok((added > 0).then_some(id))
    }

    /// Claims a form, so that no other sender does; `None` when it does not exist (any more), or its webhook does not.
    ///
    /// # Errors
    /// When the database is unavailable, or a secret does not decrypt.
    pub async fn take_test_request(&self, account: &AccountName, id: Uuid) -> Result<Option<TestForm>, StoreError> {
        let taken = self
            .connection()
            .await?
            .query_opt(TAKE, &[&id, &account.as_str()])
            .await?;
        let Some(row) = taken else { return Ok(None) };
        let event_type = row.get("event_type");
        let Some(webhook) = row.get::<_, Option<Uuid>>("webhook_id").map(WebhookId) else {
            let secrets = vec![self.open_form(account, &row)?];
            return Ok(Some(TestForm {
                webhook: None,
                url: row.get("url"),
                secrets,
                headers: Vec::new(),
                event_type,
            }));
        };
        let endpoint = self
            .endpoint(webhook)
            .await?
            .filter(|endpoint| endpoint.account == *account);
        Ok(endpoint.map(|endpoint| TestForm {
            webhook: Some(webhook),
            url: endpoint.url,
            secrets: endpoint.secrets,
            headers: endpoint.headers,
            event_type,
        }))
    }

    fn open_form(&self, account: &AccountName, row: &Row) -> Result<SigningSecret, StoreError> {
        let place = Place::Test {
            row: row.get("id"),
            account,
        };
        self.keys.open(place, row.get("key_id"), row.get("ciphertext"))
    }

    /// Deletes a form that is not to be tested any more; idempotent.
    pub async fn delete_test_request(&self, account: &AccountName, id: Uuid) -> Result<(), StoreError> {
        self.connection()
            .await?
            .execute(DELETE, &[&id, &account.as_str()])
            .await?;
        Ok(())
    }

    /// Deletes forms of all accounts that were never claimed, and returns their number.
    pub async fn delete_old_test_requests(&self) -> Result<u64, StoreError> {
        self.connection().await?.execute(DELETE_OLD, &[]).await
    }
}
