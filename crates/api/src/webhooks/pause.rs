//! `POST /webhooks/{id}/pause`: nothing is sent until it is resumed; deliveries are held. Repeating it changes nothing.

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
    Operation::post("/api/v1/webhooks/{id}/pause", handler)
        .for_admins(TAG, "pauseWebhook", "Pause a webhook: its deliveries are held")
        .about("A webhook that is already paused keeps its `paused_reason`.")
        .id("WebhookId")
        .answer(200, "The webhook", reference("Webhook"))
        .answer_header(200, "ETag", ETAG_TEXT)
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    Ok(tagged(state.admin.pause_webhook(&caller, id).await?, caller.role))
}
