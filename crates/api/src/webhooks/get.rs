//! `GET /webhooks/{id}`

use axum::extract::State;
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use super::representation::tagged;
use super::{ETAG_TEXT, TAG};
use crate::caller::RequireViewer;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/webhooks/{id}", handler)
        .for_viewers(TAG, "getWebhook", "Get a webhook")
        .id("WebhookId")
        .answer(200, "The webhook", reference("Webhook"))
        .answer_header(200, "ETag", ETAG_TEXT)
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    let webhook = state
        .admin
        .database
        .webhook(&caller.account, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(tagged(webhook, caller.role))
}
