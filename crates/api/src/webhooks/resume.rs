//! `POST /webhooks/{id}/resume`: held deliveries are sent, oldest first, beside new ones. Repeating it changes nothing.

use axum::extract::State;
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use super::representation::tagged;
use super::{ETAG_TEXT, TAG};
use crate::caller::RequireAdmin;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::post("/api/v1/webhooks/{id}/resume", handler)
        .for_admins(
            TAG,
            "resumeWebhook",
            "Resume a webhook: the outbox relay releases its held deliveries, oldest first",
        )
        .about("Resuming a webhook that is not paused changes nothing.")
        .id("WebhookId")
        .answer(200, "The webhook", reference("Webhook"))
        .answer_header(200, "ETag", ETAG_TEXT)
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    Ok(tagged(state.admin.resume_webhook(&caller, id).await?, caller.role))
}
