//! Webhooks and their secrets as clients see them.

use admin::{Rotation, shown_url};
use axum::Json;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use domain::{AccountName, Conditions, PausedReason, Role, SigningSecret, WebhookId, WebhookStatus};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::webhooks::Webhook;

use crate::entity_tag::entity_tag;
use crate::openapi::schema::{
    count, count_of, number_or_null, object, or_null, page, reference, text, time, time_or_null,
};

/// A webhook, without its secret.
#[derive(Serialize)]
pub(super) struct WebhookRepresentation {
    id: WebhookId,
    account: AccountName,
    name: String,
    url: String,
    description: String,
    event_types: Vec<&'static str>,
    conditions: Conditions,
    max_per_second: Option<i32>,
    /// Names of its request headers.
    headers: Vec<String>,
    status: WebhookStatus,
    paused_reason: Option<PausedReason>,
    paused_at: Option<Timestamp>,
    consecutive_failures: u32,
    held: i64,
    oldest_held_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl WebhookRepresentation {
    /// As somebody with this role sees it.
    pub(super) fn new(webhook: Webhook, role: Role) -> Self {
        Self {
            url: shown_url(&webhook.url, role),
            id: webhook.id,
            status: webhook.status(),
            account: webhook.account,
            name: webhook.name,
            description: webhook.description,
            event_types: webhook.event_types.names(),
            conditions: webhook.conditions,
            max_per_second: webhook.max_per_second,
            headers: webhook.header_names,
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

/// A webhook with its version, for `If-Match`.
pub(super) fn tagged(webhook: Webhook, role: Role) -> Response {
    (
        [(ETAG, entity_tag(webhook.version))],
        Json(WebhookRepresentation::new(webhook, role)),
    )
        .into_response()
}

/// A secret, for those who may see it.
#[derive(Serialize)]
pub(super) struct SecretRepresentation {
    /// As it was given or generated.
    secret: String,
    /// The same key in the form that receivers' libraries take; only beside a secret that has another form.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_whsec: Option<String>,
}

impl From<&SigningSecret> for SecretRepresentation {
    fn from(secret: &SigningSecret) -> Self {
        let whsec = secret.whsec();
        Self {
            secret: secret.expose().to_owned(),
            secret_whsec: (whsec != secret.expose()).then_some(whsec),
        }
    }
}

/// A webhook just added, with its secret.
#[derive(Serialize)]
pub(super) struct CreatedWebhook {
    #[serde(flatten)]
    webhook: WebhookRepresentation,
    #[serde(flatten)]
    secret: SecretRepresentation,
}

impl CreatedWebhook {
    pub(super) fn new(webhook: Webhook, secret: &SigningSecret) -> Self {
        Self {
            webhook: WebhookRepresentation::new(webhook, Role::Admin),
            secret: secret.into(),
        }
    }
}

/// A secret that has just replaced another.
#[derive(Serialize)]
pub(super) struct RotatedSecret {
    #[serde(flatten)]
    secret: SecretRepresentation,
    /// Until then the former one signs, too.
    previous_secret_expires_at: Timestamp,
}

impl From<Rotation> for RotatedSecret {
    fn from(rotation: Rotation) -> Self {
        Self {
            secret: (&rotation.secret).into(),
            previous_secret_expires_at: rotation.previous_expires_at,
        }
    }
}

/// The schemas of all these.
pub(crate) fn schemas() -> Value {
    let whsec = "The same key as `whsec_…`, for receivers' libraries; present if `secret` has another form";
    let until = object(json!({"previous_secret_expires_at": time()}));
    json!({
        "Webhook": object(json!({
            "id": reference("WebhookId"),
            "account": {"type": "string"},
            "name": {"type": "string"},
            "url": text("A viewer sees only its host: `https://erp.example.com/…`"),
            "description": text("Purpose of the webhook; may be empty"),
            "event_types": {"type": "array", "items": reference("SubscribedEventType")},
            "conditions": {"type": "array", "items": reference("Condition"), "description": "All must hold for an event"},
            "max_per_second": number_or_null("Webhook rate limit: deliveries per second; null without a limit"),
            "headers": {"type": "array", "items": {"type": "string"}, "description": "Names of its request headers"},
            "status": reference("WebhookStatus"),
            "paused_reason": or_null(reference("PausedReason")),
            "paused_at": time_or_null(),
            "consecutive_failures": count(),
            "held": count_of("Deliveries held until the webhook is resumed"),
            "oldest_held_at": time_or_null(),
            "created_at": time(),
            "updated_at": time(),
        })),
        "WebhookPage": page("Webhook"),
        "WebhookSecret": {
            "type": "object",
            "required": ["secret"],
            "properties": {"secret": reference("Secret"), "secret_whsec": text(whsec)},
        },
        "CreatedWebhook": {"allOf": [reference("Webhook"), reference("WebhookSecret")]},
        "RotatedSecret": {"allOf": [reference("WebhookSecret"), until]},
    })
}
