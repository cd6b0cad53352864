//! What the services read of webhooks, across all accounts.

use domain::{AccountName, EventTypeSet, SigningSecret, WebhookHealth, WebhookId};
use futures_util::{StreamExt, pin_mut};
use tokio_postgres::Row;

use super::event_types;
use crate::database::Database;
use crate::error::StoreError;

/// What fanout matches against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Tenant whose events it gets.
    pub account: AccountName,
    /// The webhook.
    pub webhook: WebhookId,
    /// The types it listens to.
    pub event_types: EventTypeSet,
}

/// What a sender needs to post to a webhook.
#[derive(Debug)]
pub struct Target {
    /// Tenant that owns it.
    pub account: AccountName,
    /// Normalised endpoint URL.
    pub url: String,
    /// Nothing is sent while it is paused.
    pub paused: bool,
    /// The current secret first, then replaced ones that still sign.
    pub secrets: Vec<SigningSecret>,
}

/// How many webhooks of all accounts have which status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusCounts {
    /// Those that deliver.
    pub active: i64,
    /// Those that are paused.
    pub paused: i64,
    /// Those that fail.
    pub error: i64,
}

/// The status is derived as `WebhookHealth::status` derives it.
const STATUSES: &str = "SELECT count(*) FILTER (WHERE status = 'active') AS active,
        count(*) FILTER (WHERE status = 'paused') AS paused, count(*) FILTER (WHERE status = 'error') AS error
    FROM (SELECT CASE
        WHEN paused_reason IS NOT NULL THEN 'paused'
        WHEN consecutive_failures > 0 OR failed_attempts >= $1 THEN 'error'
        ELSE 'active' END AS status FROM webhooks) AS derived";

const SUBSCRIPTIONS: &str = "SELECT account, id, event_types FROM webhooks";

const SUBSCRIPTION: &str = "SELECT account, id, event_types FROM webhooks WHERE id = $1";

const TARGET: &str = "SELECT w.account, w.url, w.paused_reason IS NOT NULL AS paused, s.id AS secret_id, s.key_id,
        s.ciphertext
    FROM webhooks w JOIN webhook_secrets s ON s.webhook_id = w.id AND (s.expires_at IS NULL OR s.expires_at > now())
    WHERE w.id = $1 ORDER BY s.expires_at DESC NULLS FIRST";

impl Database {
    /// Hands every subscription of every account to `take`, one at a time, without holding them all.
    ///
    /// # Errors
    /// When the database is away or refuses; some were handed over by then.
    pub async fn subscriptions(&self, mut take: impl FnMut(Subscription)) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let nothing: [&(dyn tokio_postgres::types::ToSql + Sync); 0] = [];
        let rows = connection.query_raw(SUBSCRIPTIONS, nothing).await?;
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            take(subscription(&row?)?);
        }
        Ok(())
    }

    /// Counts the webhooks of all accounts by status.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn webhook_statuses(&self) -> Result<StatusCounts, StoreError> {
        let error_after = i32::try_from(WebhookHealth::ERROR_AFTER_ATTEMPTS).unwrap_or(i32::MAX);
        let row = self.connection().await?.query_one(STATUSES, &[&error_after]).await?;
        Ok(StatusCounts { active: row.get("active"), paused: row.get("paused"), error: row.get("error") })
    }

    /// What one webhook listens to; `None` when there is no such webhook.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn subscription(&self, webhook: WebhookId) -> Result<Option<Subscription>, StoreError> {
        let connection = self.connection().await?;
        connection.query_opt(SUBSCRIPTION, &[&webhook.0]).await?.as_ref().map(subscription).transpose()
    }

    /// What is needed to post to one webhook; `None` when there is no such webhook.
    ///
    /// # Errors
    /// When the database is away, or a secret does not decrypt.
    pub async fn target(&self, webhook: WebhookId) -> Result<Option<Target>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(TARGET).await?;
        let rows = connection.query(&statement, &[&webhook.0]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let open = |row: &Row| self.keys.open(row.get("secret_id"), row.get("key_id"), row.get("ciphertext"));
        Ok(Some(Target {
            account: account(first)?,
            url: first.get("url"),
            paused: first.get("paused"),
            secrets: rows.iter().map(open).collect::<Result<_, _>>()?,
        }))
    }
}

fn subscription(row: &Row) -> Result<Subscription, StoreError> {
    Ok(Subscription {
        account: account(row)?,
        webhook: WebhookId(row.get("id")),
        event_types: event_types(&row.get::<_, Vec<&str>>("event_types")),
    })
}

fn account(row: &Row) -> Result<AccountName, StoreError> {
    row.get::<_, &str>("account").parse().map_err(|_| StoreError::UnknownValue("account"))
}
