//! `POST /events/check`: checks an event before it is published. Publishes and stores nothing.

use admin::{CheckRefusal, CheckedEvent, CheckedWebhook};
use axum::Json;
use axum::extract::{Request, State};
use domain::WebhookId;
use serde::Serialize;
use serde_json::{Value, json};
use web::body;

use crate::caller::RequireViewer;
use crate::find::TAG;
use crate::openapi::schema::{object, one_of, or_null, reference, text, text_or_null};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

/// The structured mode of CloudEvents, by its own name or as plain JSON.
const EVENT: &[&str] = &["application/json", "application/cloudevents+json"];

const ABOUT: &str = "The body is an event as a CRM service publishes it: CloudEvents 1.0, JSON format, structured mode. It is \
decoded as a published one is; what would be moved to the rejected queue is answered with 200 and the reason. An event of \
another account than the caller's is not accepted. `body` is the exact body that receivers would get; without a `time` in \
the event, its `timestamp` is the present. The limit is the setting `events.max_bytes`.";

pub(crate) fn operation() -> Operation {
    Operation::post("/api/v1/events/check", handler)
        .for_viewers(TAG, "checkEvent", "Check an event without publishing it")
        .about(ABOUT)
        .body_as(EVENT, "PublishedEvent", published_event(), true)
        .answer(200, "The result of the check", reference("CheckedEvent"))
}

/// As strict as the decoder: other attributes are allowed and ignored.
fn published_event() -> Value {
    json!({
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 255},
            "source": {"type": "string", "minLength": 1, "maxLength": 2048},
            "type": {"type": "string", "minLength": 1, "maxLength": 2048},
            "time": {"type": ["string", "null"], "format": "date-time"},
            "subject": {"type": ["string", "null"], "minLength": 1, "maxLength": 2048},
            "account": {"type": ["string", "null"], "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$",
                "description": "`default` when it is left out"},
            "traceparent": {"type": ["string", "null"]},
            "data": {"description": "Any JSON; forwarded byte for byte"},
        },
    })
}

/// The schemas of the answer.
pub(crate) fn schemas() -> Value {
    json!({
        "CheckedEvent": object(json!({
            "accepted": {"type": "boolean"},
            "reason": or_null(reference("CheckRefusal")),
            "detail": text("The result, in a sentence"),
            "webhooks": {
                "type": "array",
                "description": "All of the account's, those that would get the event first; empty when it is not accepted",
                "items": reference("CheckedWebhook"),
            },
            "body": text_or_null("The exact body that receivers would get; null when the event is not accepted"),
        })),
        "CheckedWebhook": object(json!({
            "id": reference("WebhookId"),
            "name": {"type": "string"},
            "would_get": {"type": "boolean"},
            "why": text("Why, in a sentence"),
        })),
        "CheckRefusal": one_of(CheckRefusal::names()),
    })
}

#[derive(Serialize)]
struct Representation {
    accepted: bool,
    reason: Option<&'static str>,
    detail: String,
    webhooks: Vec<WebhookRepresentation>,
    body: Option<String>,
}

#[derive(Serialize)]
struct WebhookRepresentation {
    id: WebhookId,
    name: String,
    would_get: bool,
    why: String,
}

impl From<CheckedEvent> for Representation {
    fn from(checked: CheckedEvent) -> Self {
        let detail = checked.sentence();
        match checked {
            CheckedEvent::Accepted(event) => Self {
                accepted: true,
                reason: None,
                detail,
                webhooks: event.webhooks.into_iter().map(WebhookRepresentation::from).collect(),
                body: Some(event.body),
            },
            CheckedEvent::Refused { reason, .. } => Self {
                accepted: false,
                reason: Some(reason.name()),
                detail,
                webhooks: Vec::new(),
                body: None,
            },
        }
    }
}

impl From<CheckedWebhook> for WebhookRepresentation {
    fn from(webhook: CheckedWebhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name,
            would_get: webhook.outlook.would_get,
            why: webhook.outlook.why,
        }
    }
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<Representation>, Problem> {
    let message = body::read(request, state.admin.largest_event, EVENT).await?;
    Ok(Json(state.admin.check_event(&caller.account, &message).await?.into()))
}
