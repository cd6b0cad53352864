//! `GET /webhooks/{id}/recovery`: the progress of the recovery under way.

use axum::Json;
use axum::extract::State;
use domain::WebhookId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::recover::RecoveryProgress;
use web::PathId;

use crate::caller::RequireViewer;
use crate::openapi::schema::{count, count_of, object, reference, time};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/webhooks/{id}/recovery", handler)
        .for_viewers(
            "Deliveries",
            "getRecovery",
            "Get the progress of the recovery in progress",
        )
        .id("WebhookId")
        .answer(
            200,
            "The progress; 404 if no recovery is in progress",
            reference("Recovery"),
        )
}

/// The progress as clients see it.
#[derive(Serialize)]
struct RecoveryRepresentation {
    requested_at: Timestamp,
    found: i64,
    waiting: i64,
}

impl From<RecoveryProgress> for RecoveryRepresentation {
    fn from(progress: RecoveryProgress) -> Self {
        Self {
            requested_at: progress.requested_at,
            found: progress.found,
            waiting: progress.waiting,
        }
    }
}

pub(crate) fn schemas() -> Value {
    json!({
        "Recovery": object(json!({
            "requested_at": time(),
            "found": count(),
            "waiting": count_of("Deliveries that the outbox relay has not yet released"),
        })),
    })
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Json<RecoveryRepresentation>, Problem> {
    let progress = state.admin.database.recovery_progress(&caller.account, id).await?;
    progress
        .map(|progress| Json(progress.into()))
        .ok_or_else(Problem::not_found)
}
