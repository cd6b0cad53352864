//! A webhook as clients see it.

use domain::{AccountName, EventType, PausedReason, SigningSecret, WebhookId, WebhookStatus};
use jiff::Timestamp;
use serde::Serialize;
use store::webhooks::Webhook;

/// A webhook, without its secret.
#[derive(Serialize)]
pub(crate) struct WebhookRepresentation {
    id: WebhookId,
    account: AccountName,
    name: String,
    url: String,
    event_types: Vec<EventType>,
    status: WebhookStatus,
    paused_reason: Option<PausedReason>,
    paused_at: Option<Timestamp>,
    consecutive_failures: u32,
    held: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Webhook> for WebhookRepresentation {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            status: webhook.status(),
            account: webhook.account,
            name: webhook.name,
            url: webhook.url,
            event_types: webhook.event_types.iter().collect(),
            paused_reason: webhook.health.paused,
            paused_at: webhook.paused_at,
            consecutive_failures: webhook.health.consecutive_failures,
            held: webhook.held,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A webhook just added, with its secret.
#[derive(Serialize)]
pub(crate) struct CreatedWebhook {
    #[serde(flatten)]
    webhook: WebhookRepresentation,
    /// As it was given or generated.
    secret: String,
    /// The same key in the form that receivers' libraries take; only beside a secret that has another form.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_whsec: Option<String>,
}

impl CreatedWebhook {
    pub(super) fn new(webhook: Webhook, secret: &SigningSecret) -> Self {
        let whsec = secret.whsec();
        Self {
            webhook: webhook.into(),
            secret: secret.expose().to_owned(),
            secret_whsec: (whsec != secret.expose()).then_some(whsec),
        }
    }
}
