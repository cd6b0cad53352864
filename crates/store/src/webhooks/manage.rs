//! Adding, listing, editing and deleting, always within one account.

use domain::{AccountName, AuditAction, EndpointUrl, EventTypeSet, SigningSecret, WebhookId};
use jiff::Timestamp;
use tokio_postgres::GenericClient;

use super::{COLUMNS, Webhook, names, webhook};
use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::database::Database;
use crate::error::StoreError;

/// A checked webhook to be added.
#[derive(Debug)]
pub struct NewWebhook {
    /// What people call it.
    pub name: String,
    /// Where it posts.
    pub url: EndpointUrl,
    /// What it listens to; not empty.
    pub event_types: EventTypeSet,
    /// What it signs with.
    pub secret: SigningSecret,
}

/// Checked changes; `None` leaves a part as it is.
#[derive(Debug, Default)]
pub struct Edit {
    /// What people call it.
    pub name: Option<String>,
    /// Where it posts.
    pub url: Option<EndpointUrl>,
    /// What it listens to; not empty.
    pub event_types: Option<EventTypeSet>,
}

impl Edit {
    /// What it changes, in words.
    fn parts(&self) -> String {
        let name = self.name.as_ref().map(|_| "name");
        let url = self.url.as_ref().map(|_| "URL");
        let event_types = self.event_types.map(|_| "events");
        [name, url, event_types].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// What became of an edit or a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditOutcome<T> {
    /// Done.
    Done(T),
    /// The account has no such webhook.
    NotFound,
    /// Somebody else edited it first.
    Stale,
}

/// Two webhooks added to an account at once are counted one after the other.
const LOCK_ACCOUNT: &str = "SELECT pg_advisory_xact_lock(hashtext('create_webhook'), hashtext($1))";

const COUNT: &str = "SELECT count(*) FROM webhooks WHERE account = $1";

const CREATE: &str = "INSERT INTO webhooks (id, account, name, url, event_types) VALUES ($1, $2, $3, $4, $5)";

/// Counts the edit, whose trigger tells every process.
const EDIT: &str = "UPDATE webhooks SET name = coalesce($3, name), url = coalesce($4, url),
        event_types = coalesce($5, event_types), version = version + 1, updated_at = now()
    WHERE account = $1 AND id = $2 AND ($6::bigint IS NULL OR version = $6)";

const DELETE: &str = "DELETE FROM webhooks WHERE account = $1 AND id = $2 AND ($3::bigint IS NULL OR version = $3)";

const EXISTS: &str = "SELECT EXISTS (SELECT FROM webhooks WHERE account = $1 AND id = $2)";

impl Database {
    /// Adds a webhook with its secret to `by`'s account; `None` when the account has `at_most` webhooks already.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn create_webhook(
        &self,
        by: &Bearer,
        new: &NewWebhook,
        at_most: i64,
    ) -> Result<Option<Webhook>, StoreError> {
        self.create_webhook_as(by, WebhookId::generate(), new, at_most).await
    }

    /// Like [`Database::create_webhook`], with an id chosen beforehand. When the account has that webhook, it is returned
    /// as it is: a caller that does not know whether it was added may simply add it again.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn create_webhook_as(
        &self,
        by: &Bearer,
        id: WebhookId,
        new: &NewWebhook,
        at_most: i64,
    ) -> Result<Option<Webhook>, StoreError> {
        let account = &by.account;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        transaction.execute(LOCK_ACCOUNT, &[&account.as_str()]).await?;
        if let Some(added_before) = one_webhook(&*transaction, account, id).await? {
            return Ok(Some(added_before));
        }
        if transaction.query_one(COUNT, &[&account.as_str()]).await?.get::<_, i64>(0) >= at_most {
            return Ok(None);
        }
        let (url, event_types) = (new.url.as_str(), names(new.event_types));
        transaction.execute(CREATE, &[&id.0, &account.as_str(), &new.name, &url, &event_types]).await?;
        self.add_secret(&transaction, id, &new.secret).await?;
        Entry::new(by, id, AuditAction::Created).write(&*transaction).await?;
        let created = one_webhook(&*transaction, account, id).await?;
        transaction.commit().await?;
        Ok(created)
    }

    /// The account's webhooks, oldest first, at most `limit` of them, from the one after `after`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn webhooks(
        &self,
        account: &AccountName,
        after: Option<(Timestamp, WebhookId)>,
        limit: i64,
    ) -> Result<Vec<Webhook>, StoreError> {
        let page = format!(
            "SELECT {COLUMNS} FROM webhooks w WHERE w.account = $1
                AND ($2::timestamptz IS NULL OR (w.created_at, w.id) > ($2, $3))
             ORDER BY w.created_at, w.id LIMIT $4"
        );
        let (created_at, id) = after.map_or((None, None), |(created_at, id)| (Some(created_at), Some(id.0)));
        let connection = self.connection().await?;
        let page = connection.prepare_cached(&page).await?;
        let rows = connection.query(&page, &[&account.as_str(), &created_at, &id, &limit]).await?;
        rows.iter().map(webhook).collect()
    }

    /// One of the account's webhooks.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn webhook(&self, account: &AccountName, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let connection = self.connection().await?;
        one_webhook(&**connection, account, id).await
    }

    /// Whether the account has this webhook.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn webhook_exists(&self, account: &AccountName, id: WebhookId) -> Result<bool, StoreError> {
        Ok(self.connection().await?.query_one(EXISTS, &[&account.as_str(), &id.0]).await?.get(0))
    }

    /// Edits a webhook of `by`'s account; with `if_version`, only when nobody edited it since.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn edit_webhook(
        &self,
        by: &Bearer,
        id: WebhookId,
        edit: &Edit,
        if_version: Option<i64>,
    ) -> Result<EditOutcome<Webhook>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let account = &by.account;
        let (url, event_types) = (edit.url.as_ref().map(EndpointUrl::as_str), edit.event_types.map(names));
        let edited =
            transaction.execute(EDIT, &[&account.as_str(), &id.0, &edit.name, &url, &event_types, &if_version]).await?;
        let Some(now) = one_webhook(&*transaction, account, id).await? else { return Ok(EditOutcome::NotFound) };
        if edited == 0 {
            return Ok(EditOutcome::Stale);
        }
        Entry::new(by, id, AuditAction::Edited).with_detail(edit.parts()).write(&*transaction).await?;
        transaction.commit().await?;
        Ok(EditOutcome::Done(now))
    }

    /// Deletes a webhook of `by`'s account with its secrets; its log stays until the retention ends.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn delete_webhook(
        &self,
        by: &Bearer,
        id: WebhookId,
        if_version: Option<i64>,
    ) -> Result<EditOutcome<()>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction.execute(DELETE, &[&by.account.as_str(), &id.0, &if_version]).await? > 0 {
            Entry::new(by, id, AuditAction::Deleted).write(&*transaction).await?;
            transaction.commit().await?;
            return Ok(EditOutcome::Done(()));
        }
        let exists: bool = transaction.query_one(EXISTS, &[&by.account.as_str(), &id.0]).await?.get(0);
        Ok(if exists { EditOutcome::Stale } else { EditOutcome::NotFound })
    }
}

pub(super) async fn one_webhook(
    client: &impl GenericClient,
    account: &AccountName,
    id: WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    let one = format!("SELECT {COLUMNS} FROM webhooks w WHERE w.account = $1 AND w.id = $2");
    client.query_opt(&one, &[&account.as_str(), &id.0]).await?.as_ref().map(webhook).transpose()
}
