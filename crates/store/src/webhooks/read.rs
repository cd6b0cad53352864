//! Webhooks as the services read them, across all accounts.

use domain::{AccountName, Conditions, EventTypeSet, RequestHeader, SigningSecret, WebhookHealth, WebhookId};
use tokio_postgres::Row;

use super::{event_types, headers};
use crate::database::Database;
use crate::error::StoreError;
use crate::secret_keys::Place;

/// The subscriptions of a webhook, for fanout's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Tenant whose events it gets.
    pub account: AccountName,
    /// The webhook.
    pub webhook: WebhookId,
    /// The subscribed types.
    pub event_types: EventTypeSet,
    /// All of which must hold for an event.
    pub conditions: Conditions,
}

/// The data that a sender needs to post to a webhook.
#[derive(Debug)]
pub struct StoredEndpoint {
    /// Tenant that owns it.
    pub account: AccountName,
    /// Normalised endpoint URL.
    pub url: String,
    /// Whether it is paused.
    pub paused: bool,
    /// The current secret first, then former ones that still sign.
    pub secrets: Vec<SigningSecret>,
    /// Added to each request.
    pub headers: Vec<RequestHeader>,
    /// Deliveries a second at most.
    pub max_per_second: Option<i32>,
}

/// Numbers of webhooks of all accounts, by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusCounts {
    /// Status `active`.
    pub active: i64,
    /// Status `paused`.
    pub paused: i64,
    /// Status `error`.
    pub error: i64,
}

/// Derives the status like `WebhookHealth::status`.
const STATUSES: &str = "/* webhooks.read.statuses */ SELECT count(*) FILTER (WHERE status = 'active') AS active,
        count(*) FILTER (WHERE status = 'paused') AS paused, count(*) FILTER (WHERE status = 'error') AS error
    FROM (SELECT CASE
        WHEN paused_reason IS NOT NULL THEN 'paused'
        WHEN consecutive_failures > 0 OR failed_attempts >= $1 THEN 'error'
        ELSE 'active' END AS status FROM webhooks) AS derived";

/// Without conditions, as most are, null is faster to read than an empty list.
const SUBSCRIPTIONS: &str = "/* webhooks.read.subscriptions */
    SELECT account, id, event_types, nullif(conditions, '[]')::text AS conditions FROM webhooks";

const SUBSCRIPTION: &str = "/* webhooks.read.subscription */
    SELECT account, id, event_types, nullif(conditions, '[]')::text AS conditions FROM webhooks WHERE id = $1";

const ENDPOINT: &str = "/* webhooks.read.endpoint */
    SELECT w.account, w.url, w.paused_reason IS NOT NULL AS paused, w.max_per_second, s.id AS secret_id, s.key_id,
        s.ciphertext, h.key_id AS headers_key_id, h.ciphertext AS headers
    FROM webhooks w JOIN webhook_secrets s ON s.webhook_id = w.id AND (s.expires_at IS NULL OR s.expires_at > now())
        LEFT JOIN webhook_headers h ON h.webhook_id = w.id
    WHERE w.id = $1 ORDER BY s.expires_at DESC NULLS FIRST";

impl Database {
    /// Passes every subscription of every account to `take`, one at a time, without holding them all.
    ///
    /// # Errors
    /// Some were passed by then.
    pub async fn subscriptions(&self, mut take: impl FnMut(Subscription)) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        connection
            .for_each_row(SUBSCRIPTIONS, &[], |row| {
                take(subscription(row)?);
                Ok(())
            })
            .await
    }

    /// Counts the webhooks of all accounts by status.
    pub async fn webhook_statuses(&self) -> Result<StatusCounts, StoreError> {
        let error_after = i32::try_from(WebhookHealth::ERROR_AFTER_ATTEMPTS).unwrap_or(i32::MAX);
        let row = self.connection().await?.query_one(STATUSES, &[&error_after]).await?;
        Ok(StatusCounts {
            active: row.get("active"),
            paused: row.get("paused"),
            error: row.get("error"),
        })
    }

    /// The subscriptions of one webhook; `None` when it does not exist.
    pub async fn subscription(&self, webhook: WebhookId) -> Result<Option<Subscription>, StoreError> {
        let connection = self.connection().await?;
        connection
            .query_opt(SUBSCRIPTION, &[&webhook.0])
            .await?
            .as_ref()
            .map(subscription)
            .transpose()
    }

    /// The data to post to one webhook; `None` when it does not exist.
    ///
    /// # Errors
    /// When the database is unavailable, or a secret does not decrypt.
    pub async fn endpoint(&self, webhook: WebhookId) -> Result<Option<StoredEndpoint>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(ENDPOINT).await?;
        let rows = connection.query(&statement, &[&webhook.0]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let account = account(first)?;
        let open = |row: &Row| {
            let place = Place::Webhook {
                row: row.get("secret_id"),
                webhook,
                account: &account,
            };
            self.keys.open(place, row.get("key_id"), row.get("ciphertext"))
        };
        let place = Place::Headers {
            webhook,
            account: &account,
        };
        Ok(Some(StoredEndpoint {
            headers: headers::opened(&self.keys, place, first.get("headers_key_id"), first.get("headers"))?,
            max_per_second: first.get("max_per_second"),
            url: first.get("url"),
            paused: first.get("paused"),
            secrets: rows.iter().map(open).collect::<Result<_, _>>()?,
            account,
        }))
    }
}

fn subscription(row: &Row) -> Result<Subscription, StoreError> {
    Ok(Subscription {
        account: account(row)?,
        webhook: WebhookId(row.get("id")),
        event_types: event_types(&row.get::<_, Vec<&str>>("event_types")),
        conditions: row
            .get::<_, Option<&str>>("conditions")
            .map(Conditions::from_json)
            .unwrap_or_default(),
    })
}

fn account(row: &Row) -> Result<AccountName, StoreError> {
    row.get::<_, &str>("account")
        .parse()
        .map_err(|_| StoreError::UnknownValue("account"))
}
