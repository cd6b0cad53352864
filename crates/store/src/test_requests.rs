//! Forms to be tested: stored by whoever asks for a test, taken once by the sender that makes it.

use domain::{AccountName, EndpointUrl, EventType, SigningSecret, WebhookId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// What is to be tested.
#[derive(Debug)]
pub enum TestSubject {
    /// A webhook as it is saved when the test is made.
    Saved(WebhookId),
    /// What somebody filled in and did not save.
    Form {
        /// Where it posts.
        url: EndpointUrl,
        /// What it signs with.
        secret: SigningSecret,
    },
}

/// What a sender needs for a test.
#[derive(Debug)]
pub struct TestForm {
    /// The webhook; `None` for a form that was not saved.
    pub webhook: Option<WebhookId>,
    /// Normalised endpoint URL.
    pub url: String,
    /// All that sign, as for a delivery.
    pub secrets: Vec<SigningSecret>,
    /// Name of the type whose example is sent.
    pub event_type: String,
}

const ADD_FORM: &str = "INSERT INTO test_requests (id, account, url, key_id, ciphertext, event_type)
    VALUES ($1, $2, $3, $4, $5, $6)";

const ADD_SAVED: &str = "INSERT INTO test_requests (id, account, webhook_id, event_type)
    SELECT $1, account, id, $4 FROM webhooks WHERE account = $2 AND id = $3";

/// Of several that take the same form, one gets it.
const TAKE: &str = "DELETE FROM test_requests WHERE id = $1 AND account = $2
    RETURNING id, webhook_id, url, key_id, ciphertext, event_type";

const FORGET: &str = "DELETE FROM test_requests WHERE id = $1 AND account = $2";

/// Nobody waits for an answer as long as that: a request has ten minutes at most.
const FORGET_OLD: &str = "DELETE FROM test_requests WHERE created_at < now() - interval '15 minutes'";

impl Database {
    /// Stores what is to be tested and returns the test's id; `None` when the account has no such webhook.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn add_test_request(
        &self,
        account: &AccountName,
        subject: &TestSubject,
        event_type: EventType,
    ) -> Result<Option<Uuid>, StoreError> {
        let (id, account, event_type) = (Uuid::now_v7(), account.as_str(), event_type.name());
        let connection = self.connection().await?;
        let added = match subject {
            TestSubject::Saved(webhook) => {
                connection.execute(ADD_SAVED, &[&id, &account, &webhook.0, &event_type]).await?
            }
            TestSubject::Form { url, secret } => {
                let sealed = self.keys.seal(id, secret);
                let (key_id, ciphertext) = (&sealed.key_id, &sealed.ciphertext);
                connection.execute(ADD_FORM, &[&id, &account, &url.as_str(), key_id, ciphertext, &event_type]).await?
            }
        };
        Ok((added > 0).then_some(id))
    }

    /// Takes what is to be tested, so that nobody tests it again; `None` when it is not there (any more), or its webhook
    /// is not.
    ///
    /// # Errors
    /// When the database is away, or a secret does not decrypt.
    pub async fn take_test_request(&self, account: &AccountName, id: Uuid) -> Result<Option<TestForm>, StoreError> {
        let taken = self.connection().await?.query_opt(TAKE, &[&id, &account.as_str()]).await?;
        let Some(row) = taken else { return Ok(None) };
        let event_type = row.get("event_type");
        let Some(webhook) = row.get::<_, Option<Uuid>>("webhook_id").map(WebhookId) else {
            let secrets = vec![self.open_form(&row)?];
            return Ok(Some(TestForm { webhook: None, url: row.get("url"), secrets, event_type }));
        };
        let target = self.target(webhook).await?.filter(|target| target.account == *account);
        Ok(target.map(|target| TestForm {
            webhook: Some(webhook),
            url: target.url,
            secrets: target.secrets,
            event_type,
        }))
    }

    fn open_form(&self, row: &Row) -> Result<SigningSecret, StoreError> {
        self.keys.open(row.get("id"), row.get("key_id"), row.get("ciphertext"))
    }

    /// Removes what nobody shall test any more. Says nothing when it is not there.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn forget_test_request(&self, account: &AccountName, id: Uuid) -> Result<(), StoreError> {
        self.connection().await?.execute(FORGET, &[&id, &account.as_str()]).await?;
        Ok(())
    }

    /// Removes what was never taken, of all accounts, and returns how much that was.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn forget_old_test_requests(&self) -> Result<u64, StoreError> {
        Ok(self.connection().await?.execute(FORGET_OLD, &[]).await?)
    }
}
