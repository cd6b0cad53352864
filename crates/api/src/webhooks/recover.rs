//! `POST /webhooks/{id}/recover`: sends the failed deliveries of a range of time again, of all event types or of some.

use admin::{FieldError, Input, MAX_EVENT_TYPE_ENTRIES, RecoverRange, check_event_types};
use axum::extract::{Request, State};
use axum::response::Response;
use domain::{EventTypeSet, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use store::recover::Count;
use web::PathId;

use crate::caller::RequireAdmin;
use crate::idempotency::{Answer, Answered, RepeatableRequest};
use crate::json_object::{JsonObject, read_time};
use crate::openapi::schema::{input, reference};
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let body = json!({
        "since": {"type": "string", "format": "date-time", "description": "Deliveries created at or after this time"},
        "until": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Deliveries created before this time; the current time if left out",
        },
        "event_types": {
            "type": ["array", "null"],
            "items": reference("EventType"),
            "minItems": 1,
            "maxItems": MAX_EVENT_TYPE_ENTRIES,
            "description": "Deliveries of these event types; of all types if left out",
        },
        "dry_run": {"type": ["boolean", "null"], "description": "Whether the request only counts the deliveries"},
    });
    Operation::post("/api/v1/webhooks/{id}/recover", handler)
        .for_admins(
            "Deliveries",
            "recoverDeliveries",
            "Send the failed deliveries of a time range again",
        )
        .about("Each delivery gets a new retry ladder. A recovery does not send test deliveries. A webhook has at most one recovery in progress.")
        .id("WebhookId")
        .idempotent_by_key()
        .body("RecoverRequest", input(&["since"], body))
        .answer(202, "How many deliveries are sent again", reference("Count"))
        .problems(&[Kind::RecoveryUnderWay])
}

/// How many deliveries are sent again, or would be.
#[derive(Serialize)]
struct RecoveredCount {
    count: i64,
    /// Counting stops at some number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let request = RepeatableRequest::read(request).await?;
    let work = async |_| {
        let body = RecoverRequest::read(request.body())?;
        let range = state.admin.recover_range(body.since, body.until)?;
        let range = RecoverRange {
            event_types: body.event_types,
            ..range
        };
        let Count { count, more } = if body.dry_run {
            state.admin.count_recoverable(&caller, id, range).await?
        } else {
            state.admin.recover(&caller, id, range).await?
        };
        Ok(Answer::accepted(&RecoveredCount { count, more }))
    };
    request
        .carry_out_once(&state.admin.database, &caller, work, Answered::accepted)
        .await
}

/// What a client asks to be sent again.
struct RecoverRequest {
    since: Timestamp,
    until: Option<Timestamp>,
    event_types: Option<EventTypeSet>,
    dry_run: bool,
}

impl RecoverRequest {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let mut object = JsonObject::parse(body)?;
        object.drop_null("until");
        object.drop_null("event_types");
        object.drop_null("dry_run");
        let since = object.text("since");
        let until = object.text("until");
        let event_types = object.texts("event_types", MAX_EVENT_TYPE_ENTRIES);
        let dry_run = object.boolean("dry_run");
        let mut errors = object.into_errors();
        let since = read_time(since, "/since", &mut errors);
        let until = read_time(until, "/until", &mut errors);
        let event_types = read_event_types(event_types, &mut errors);
        match since {
            Some(since) if errors.is_empty() => Ok(Self {
                since,
                until,
                event_types,
                dry_run: matches!(dry_run, Input::Given(true)),
            }),
            None if errors.is_empty() => Err(Problem::validation_failed(vec![FieldError::new(
                "/since",
                "required",
                "A time is required",
            )])),
            _ => Err(Problem::validation_failed(errors)),
        }
    }
}

fn read_event_types(input: Input<Vec<String>>, errors: &mut Vec<FieldError>) -> Option<EventTypeSet> {
    let Input::Given(names) = input else { return None };
    check_event_types(names).map_err(|found| errors.extend(found)).ok()
}
