//! `POST /webhooks/preview`: evaluates event types and conditions for the account's latest events. Changes nothing.

use admin::{MAX_EVENT_TYPE_ENTRIES, Preview, PreviewExample, PreviewForm};
use axum::Json;
use axum::extract::{Request, State};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::TAG;
use super::form::{conditions, event_types, read_conditions};
use crate::caller::RequireAdmin;
use crate::json_body::{self, JSON};
use crate::json_object::JsonObject;
use crate::openapi::schema::{count_of, input, object, reference, text, time};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

#[derive(Serialize)]
struct PreviewRepresentation {
    seen: i64,
    sampled: usize,
    matched: usize,
    peak_per_minute: usize,
    matching: Vec<ExampleRepresentation>,
    not_matching: Vec<ExampleRepresentation>,
}

#[derive(Serialize)]
struct ExampleRepresentation {
    event_id: String,
    event_type: String,
    accepted_at: Timestamp,
    /// The condition that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
}

impl From<Preview> for PreviewRepresentation {
    fn from(preview: Preview) -> Self {
        let examples = |examples: Vec<PreviewExample>| examples.into_iter().map(Into::into).collect();
        Self {
            seen: preview.seen,
            sampled: preview.sampled,
            matched: preview.matched,
            peak_per_minute: preview.peak_per_minute,
            matching: examples(preview.matching),
            not_matching: examples(preview.not_matching),
        }
    }
}

impl From<PreviewExample> for ExampleRepresentation {
    fn from(example: PreviewExample) -> Self {
        Self {
            pointer: example.failed_condition.map(|index| format!("/conditions/{index}")),
            event_id: example.event_id,
            event_type: example.event_type,
            accepted_at: example.accepted_at,
        }
    }
}

pub(crate) fn operation() -> Operation {
    let body = json!({"event_types": event_types(), "conditions": conditions()});
    Operation::post("/api/v1/webhooks/preview", handler)
        .for_admins(TAG, "previewWebhook", "Preview which events a webhook would get")
        .about(
            "Evaluates event types and conditions for the newest events of the last 30 days in the account's delivery log, 2000 \
             at most. The log has the events that some webhook of the account got, and does not say who caused them: \
             `actor_ne` holds for all.",
        )
        .body("PreviewWebhookRequest", input(&["event_types"], body))
        .answer(200, "The preview", reference("WebhookPreview"))
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<PreviewRepresentation>, Problem> {
    let body = json_body::read(request, JSON).await?;
    let mut object = JsonObject::parse(&body)?;
    let form = PreviewForm {
        event_types: object.texts("event_types", MAX_EVENT_TYPE_ENTRIES),
        conditions: read_conditions(&mut object),
        errors: object.into_errors(),
    };
    Ok(Json(state.admin.preview(&caller, form).await?.into()))
}

/// The schemas of the answer.
pub(crate) fn schemas() -> Value {
    let mut example = object(json!({
        "event_id": {"type": "string"},
        "event_type": {"type": "string"},
        "accepted_at": time(),
    }));
    example["properties"]["pointer"] =
        text("The first condition that does not hold, such as `/conditions/0`; left out for matching events");
    let examples = json!({"type": "array", "items": reference("PreviewExample"), "maxItems": 3});
    json!({
        "WebhookPreview": object(json!({
            "seen": count_of("Events of these types in the log, counted in the newest 10,000 deliveries of each webhook and type"),
            "sampled": count_of("The newest of them, for which the conditions were evaluated"),
            "matched": count_of("Those of the sampled ones for which all conditions hold"),
            "peak_per_minute": count_of("The most of these that were accepted in one minute"),
            "matching": examples,
            "not_matching": examples,
        })),
        "PreviewExample": example,
    })
}
