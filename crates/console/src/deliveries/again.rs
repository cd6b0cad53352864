//! Sending failed deliveries again: `/deliveries/{id}/retry`, `/webhooks/{id}/recover` and how far that is.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::{DeliveryId, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use store::recover::RecoveryProgress;

use super::representation::DeliveryRepresentation;
use crate::caller::{Editor, Reader};
use crate::idempotency::{Answer, RepeatableRequest};
use crate::json_object::JsonObject;
use crate::path_id::PathId;
use crate::problem::{FieldError, Problem};
use crate::query::read_time;
use crate::state::ApiState;
use crate::webhook_changes::{self, RecoverRange};
use crate::webhook_form::Input;

/// `POST /deliveries/{id}/retry`: one attempt of a failed delivery, now. A body is not looked at.
pub(crate) async fn retry(
    Editor(caller): Editor,
    PathId(id): PathId<DeliveryId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let request = RepeatableRequest::without_body(&request)?;
    let work = async |_| {
        let delivery = webhook_changes::retry(&state, &caller, id).await?;
        Ok(Answer::accepted(&DeliveryRepresentation::from(delivery)))
    };
    request.answer_once(&state, &caller, work).await
}

/// How many deliveries are sent again, or would be.
#[derive(Serialize)]
struct RecoveredCount {
    count: i64,
}

/// `POST /webhooks/{id}/recover`: sends the failed deliveries of a time again.
pub(crate) async fn recover(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let request = RepeatableRequest::read(request).await?;
    let work = async |_| {
        let wish = RecoverWish::read(request.body())?;
        let range = RecoverRange::new(wish.since, wish.until)?;
        let count = if wish.dry_run {
            webhook_changes::recoverable(&state, &caller, id, range).await?
        } else {
            webhook_changes::recover(&state, &caller, id, range).await?
        };
        Ok(Answer::accepted(&RecoveredCount { count }))
    };
    request.answer_once(&state, &caller, work).await
}

/// What a client wants to be sent again.
struct RecoverWish {
    since: Timestamp,
    until: Option<Timestamp>,
    dry_run: bool,
}

impl RecoverWish {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let mut object = JsonObject::parse(body)?;
        object.drop_null("until");
        object.drop_null("dry_run");
        let (since, until, dry_run) = (object.text("since"), object.text("until"), object.boolean("dry_run"));
        let mut errors = object.into_errors();
        let since = read(since, "/since", &mut errors);
        let until = read(until, "/until", &mut errors);
        match since {
            Some(since) if errors.is_empty() => {
                Ok(Self { since, until, dry_run: matches!(dry_run, Input::Given(true)) })
            }
            None if errors.is_empty() => {
                Err(Problem::validation_failed(vec![FieldError::new("/since", "required", "A time is required")]))
            }
            _ => Err(Problem::validation_failed(errors)),
        }
    }
}

fn read(input: Input<String>, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Timestamp> {
    let Input::Given(text) = input else { return None };
    let time = read_time(&text);
    if time.is_none() {
        let detail = "Must be a time such as 2026-11-23T06:00:00Z (RFC 3339)";
        errors.push(FieldError::new(pointer, "invalid_value", detail));
    }
    time
}

/// How far a recovery is.
#[derive(Serialize)]
pub(crate) struct RecoveryRepresentation {
    requested_at: Timestamp,
    found: i64,
    waiting: i64,
}

impl From<RecoveryProgress> for RecoveryRepresentation {
    fn from(progress: RecoveryProgress) -> Self {
        Self { requested_at: progress.requested_at, found: progress.found, waiting: progress.waiting }
    }
}

/// `GET /webhooks/{id}/recovery`: the one under way.
pub(crate) async fn progress(
    Reader(caller): Reader,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Json<RecoveryRepresentation>, Problem> {
    let progress = state.database.recovery_progress(&caller.account, id).await?;
    progress.map(|progress| Json(progress.into())).ok_or_else(Problem::not_found)
}
