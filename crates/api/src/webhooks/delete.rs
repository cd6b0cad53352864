//! `DELETE /webhooks/{id}`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::WebhookId;
use web::PathId;

use super::TAG;
use super::version::{permitted_version, with_if_match};
use crate::caller::RequireAdmin;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let operation = Operation::delete("/api/v1/webhooks/{id}", handler)
        .for_admins(TAG, "deleteWebhook", "Delete a webhook and its secrets")
        .about("The webhook's deliveries stay in the delivery log until the retention ends; queued, held and retrying deliveries end failed.")
        .id("WebhookId")
        .empty_answer(204, "Deleted");
    with_if_match(operation)
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let version = permitted_version(&state.admin.database, &caller.account, id, &headers).await?;
    state.admin.delete_webhook(&caller, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
