//! Creates, reads, edits and deletes webhooks, always within one account.

use domain::endpoint_url::without_path;
use domain::{AccountName, AuditAction, Conditions, EndpointUrl, EventTypeSet, SigningSecret, WebhookId};

use super::{COLUMNS, Webhook, names, webhook};
use crate::audit::Entry;
use crate::bearer::Bearer;
use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;
use crate::release::next_turn_soon;

/// A validated webhook to create.
#[derive(Debug)]
pub struct NewWebhook {
    /// Its name.
    pub name: String,
    /// Its endpoint.
    pub url: EndpointUrl,
    /// Its subscriptions; not empty.
    pub event_types: EventTypeSet,
    /// All of which must hold for an event.
    pub conditions: Conditions,
    /// Its secret.
    pub secret: SigningSecret,
    /// What it is for; may be empty.
    pub description: String,
    /// Deliveries a second at most.
    pub max_per_second: Option<i32>,
}

/// Validated changes; `None` leaves a part unchanged.
#[derive(Debug, Default)]
pub struct Edit {
    /// Its name.
    pub name: Option<String>,
    /// Its endpoint.
    pub url: Option<EndpointUrl>,
    /// Its subscriptions; not empty.
    pub event_types: Option<EventTypeSet>,
    /// All of which must hold for an event; `Some` of none removes them.
    pub conditions: Option<Conditions>,
    /// What it is for; may be empty.
    pub description: Option<String>,
    /// Deliveries a second at most; `Some(None)` removes the limit.
    pub max_per_second: Option<Option<i32>>,
}

impl Edit {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.url.is_none()
            && self.event_types.is_none()
            && self.conditions.is_none()
            && self.description.is_none()
            && self.max_per_second.is_none()
    }

    /// The changed parts in words, for a webhook with this URL. Of URLs the hosts only: receivers put keys into the
    /// rest.
    fn parts(&self, former_url: &str) -> String {
        let moved = |url: &EndpointUrl| format!("URL ({} to {})", without_path(former_url), without_path(url.as_str()));
        let name = self.name.as_ref().map(|_| "name".to_owned());
        let event_types = self.event_types.map(|_| "events".to_owned());
        let conditions = self.conditions.as_ref().map(|_| "conditions".to_owned());
        let description = self.description.as_ref().map(|_| "description".to_owned());
        let limit = self.max_per_second.map(|limit| match limit {
            Some(most) => format!("at most {most} a second"),
            None => "no limit a second".to_owned(),
        });
        let url = self.url.as_ref().map(moved);
        [name, url, event_types, conditions, description, limit]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The result of adding a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// It was added.
    Created(Webhook),
    /// It had been added before, under the same id, and stays as it is.
    Existed(Webhook),
    /// The account has as many webhooks as it may have.
    LimitReached,
}

/// The result of an edit or a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditOutcome<T> {
    /// Done.
    Done(T),
    /// The account has no such webhook.
    NotFound,
    /// Another edit came first.
    Stale,
}

/// Concurrent creations in an account are counted one after the other.
const LOCK_ACCOUNT: &str = "/* webhooks.manage.lock_account */
    SELECT pg_advisory_xact_lock(hashtext('create_webhook'), hashtext($1))";

const COUNT: &str = "/* webhooks.manage.count */ SELECT count(*) FROM webhooks WHERE account = $1";

const CREATE: &str = "/* webhooks.manage.create */
    INSERT INTO webhooks (id, account, name, url, event_types, description, max_per_second, conditions)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb)";

/// Increments the version; a trigger notifies every process.
const EDIT: &str = "/* webhooks.manage.edit */ UPDATE webhooks SET name = coalesce($3, name), url = coalesce($4, url),
        event_types = coalesce($5, event_types), conditions = coalesce($10::text::jsonb, conditions),
        description = coalesce($7, description),
        max_per_second = CASE WHEN $8 THEN $9 ELSE max_per_second END, version = version + 1, updated_at = now()
    WHERE account = $1 AND id = $2 AND ($6::bigint IS NULL OR version = $6)";

/// Signals about the former URL's receiver do not apply to the new one's.
const RESET_RECEIVER: &str = concat!(
    "/* webhooks.manage.reset_receiver */
    WITH deleted AS (DELETE FROM release_signals WHERE webhook_id = $1)
    UPDATE releases SET throttled_at = NULL, next_at = ",
    next_turn_soon!(),
    " WHERE webhook_id = $1"
);

/// The current URL, locked against concurrent edits.
const LOCK: &str = "/* webhooks.manage.lock */ SELECT url FROM webhooks WHERE account = $1 AND id = $2 FOR UPDATE";

const DELETE: &str = "/* webhooks.manage.delete */
    WITH deleted AS (
        DELETE FROM webhooks WHERE account = $1 AND id = $2 AND ($3::bigint IS NULL OR version = $3)
        RETURNING id, account, name),
    remembered AS (
        INSERT INTO deleted_webhooks (id, account, name) SELECT id, account, name FROM deleted ON CONFLICT DO NOTHING)
    SELECT id FROM deleted";

pub(super) const EXISTS: &str =
    "/* webhooks.manage.exists */ SELECT EXISTS (SELECT FROM webhooks WHERE account = $1 AND id = $2)";

const IS_TAKEN: &str = "/* webhooks.manage.is_taken */
    SELECT EXISTS (SELECT FROM webhooks WHERE id = $1) OR EXISTS (SELECT FROM deleted_webhooks WHERE id = $1)";

impl Database {
    /// Creates a webhook with its secret in `by`'s account; `None` when the account has `at_most` webhooks already.
    pub async fn create_webhook(
        &self,
        by: &Bearer,
        new: &NewWebhook,
        at_most: i64,
    ) -> Result<Option<Webhook>, StoreError> {
        Ok(
            match self.create_webhook_as(by, WebhookId::generate(), new, at_most).await? {
                Creation::Created(webhook) | Creation::Existed(webhook) => Some(webhook),
                Creation::LimitReached => None,
            },
        )
    }

    /// Like [`Database::create_webhook`], with an id chosen beforehand. Idempotent: if the account has that webhook, it
    /// is returned unchanged. If another account has it, the new one gets another id.
    pub async fn create_webhook_as(
        &self,
        by: &Bearer,
        id: WebhookId,
        new: &NewWebhook,
        at_most: i64,
    ) -> Result<Creation, StoreError> {
        let account = &by.account;
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        transaction.execute(LOCK_ACCOUNT, &[&account.as_str()]).await?;
        if let Some(added_before) = one_webhook(&transaction, account, id).await? {
            return Ok(Creation::Existed(added_before));
        }
        if transaction
            .query_one(COUNT, &[&account.as_str()])
            .await?
            .get::<_, i64>(0)
            >= at_most
        {
            return Ok(Creation::LimitReached);
        }
        let id = free_id(&transaction, id).await?;
        let url = new.url.as_str();
        let event_types = names(new.event_types);
        transaction
            .execute(
                CREATE,
                &[
                    &id.0,
                    &account.as_str(),
                    &new.name,
                    &url,
                    &event_types,
                    &new.description,
                    &new.max_per_second,
                    &new.conditions.to_json(),
                ],
            )
            .await?;
        self.add_secret(&transaction, account, id, &new.secret).await?;
        let detail = format!("URL ({})", without_path(url));
        Entry::new(by, id, AuditAction::Created)
            .with_detail(detail)
            .write(&transaction)
            .await?;
        let created = one_webhook(&transaction, account, id)
            .await?
            .expect("its row was just inserted");
        transaction.commit().await?;
        Ok(Creation::Created(created))
    }

    /// One of the account's webhooks.
    pub async fn webhook(&self, account: &AccountName, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let connection = self.connection().await?;
        one_webhook(&connection, account, id).await
    }

    /// Whether the account has this webhook.
    pub async fn webhook_exists(&self, account: &AccountName, id: WebhookId) -> Result<bool, StoreError> {
        Ok(self
            .connection()
            .await?
            .query_one(EXISTS, &[&account.as_str(), &id.0])
            .await?
            .get(0))
    }

    /// Edits a webhook of `by`'s account; with `if_version`, only if it is still at that version.
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
        let url = edit.url.as_ref().map(EndpointUrl::as_str);
        let event_types = edit.event_types.map(names);
        let Some(former) = transaction.query_opt(LOCK, &[&account.as_str(), &id.0]).await? else {
            return Ok(EditOutcome::NotFound);
        };
        let former_url: &str = former.get("url");
        // Before the edit draws a change number: this may wait for a relay until the broker confirms, and a number that is
        // not announced soon is taken for a lost notification.
        if url.is_some_and(|url| url != former_url) {
            transaction.execute(RESET_RECEIVER, &[&id.0]).await?;
        }
        let edited = transaction
            .execute(
                EDIT,
                &[
                    &account.as_str(),
                    &id.0,
                    &edit.name,
                    &url,
                    &event_types,
                    &if_version,
                    &edit.description,
                    &edit.max_per_second.is_some(),
                    &edit.max_per_second.flatten(),
                    &edit.conditions.as_ref().map(Conditions::to_json),
                ],
            )
            .await?;
        let Some(now) = one_webhook(&transaction, account, id).await? else {
            return Ok(EditOutcome::NotFound);
        };
        if edited == 0 {
            return Ok(EditOutcome::Stale);
        }
        let detail = edit.parts(former_url);
        Entry::new(by, id, AuditAction::Edited)
            .with_detail(detail)
            .write(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(EditOutcome::Done(now))
    }

    /// Deletes a webhook of `by`'s account with its secrets; its log stays until the end of the retention.
    pub async fn delete_webhook(
        &self,
        by: &Bearer,
        id: WebhookId,
        if_version: Option<i64>,
    ) -> Result<EditOutcome<()>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if transaction
            .query_opt(DELETE, &[&by.account.as_str(), &id.0, &if_version])
            .await?
            .is_some()
        {
            Entry::new(by, id, AuditAction::Deleted).write(&transaction).await?;
            transaction.commit().await?;
            return Ok(EditOutcome::Done(()));
        }
        let exists: bool = transaction
            .query_one(EXISTS, &[&by.account.as_str(), &id.0])
            .await?
            .get(0);
        Ok(if exists {
            EditOutcome::Stale
        } else {
            EditOutcome::NotFound
        })
    }
}

/// `id`, unless another account has it, or a webhook had it whose log may still be read.
async fn free_id(transaction: &Connection, id: WebhookId) -> Result<WebhookId, StoreError> {
    let taken: bool = transaction.query_one(IS_TAKEN, &[&id.0]).await?.get(0);
    Ok(if taken { WebhookId::generate() } else { id })
}

pub(super) async fn one_webhook(
    client: &Connection,
    account: &AccountName,
    id: WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    let one = format!("/* webhooks.manage.one */ SELECT {COLUMNS} FROM webhooks w WHERE w.account = $1 AND w.id = $2");
    client
        .query_opt(&one, &[&account.as_str(), &id.0])
        .await?
        .as_ref()
        .map(webhook)
        .transpose()
}
