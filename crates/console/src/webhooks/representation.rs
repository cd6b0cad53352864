//! A webhook as clients see it.

use domain::{AccountName, EventType, PausedReason, SigningSecret, WebhookId, WebhookStatus};
use jiff::Timestamp;
use serde::Serialize;
use store::webhooks::Webhook;

use crate::webhook_changes::Rotation;

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
    oldest_held_at: Option<Timestamp>,
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
            oldest_held_at: webhook.oldest_held_at,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A secret, for those who may see it.
#[derive(Serialize)]
pub(crate) struct SecretRepresentation {
    /// As it was given or generated.
    secret: String,
    /// The same key in the form that receivers' libraries take; only beside a secret that has another form.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_whsec: Option<String>,
}

impl From<&SigningSecret> for SecretRepresentation {
    fn from(secret: &SigningSecret) -> Self {
        let whsec = secret.whsec();
        Self { secret: secret.expose().to_owned(), secret_whsec: (whsec != secret.expose()).then_some(whsec) }
    }
}

/// A webhook just added, with its secret.
#[derive(Serialize)]
pub(crate) struct CreatedWebhook {
    #[serde(flatten)]
    webhook: WebhookRepresentation,
    #[serde(flatten)]
    secret: SecretRepresentation,
}

impl CreatedWebhook {
    pub(crate) fn new(webhook: Webhook, secret: &SigningSecret) -> Self {
        Self { webhook: webhook.into(), secret: secret.into() }
    }
}

/// A secret that has just replaced another.
#[derive(Serialize)]
pub(crate) struct RotatedSecret {
    #[serde(flatten)]
    secret: SecretRepresentation,
    /// Until then the former one signs, too.
    previous_secret_expires_at: Timestamp,
}

impl From<Rotation> for RotatedSecret {
    fn from(rotation: Rotation) -> Self {
        Self { secret: (&rotation.secret).into(), previous_secret_expires_at: rotation.previous_expires_at }
    }
}
