//! `GET /webhooks/{id}/secret`: the secret in use. For administrators, and audited.

use axum::Json;
use axum::extract::State;
use domain::WebhookId;
use web::PathId;

use super::TAG;
use super::representation::SecretRepresentation;
use crate::caller::RequireAdmin;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/webhooks/{id}/secret", handler)
        .for_admins(TAG, "getWebhookSecret", "Get the signing secret of a webhook")
        .about("The audit trail records who read the secret.")
        .id("WebhookId")
        .answer(200, "The secret in use", reference("WebhookSecret"))
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Json<SecretRepresentation>, Problem> {
    let secret = state.admin.reveal_secret(&caller, id).await?;
    Ok(Json(SecretRepresentation::from(&secret)))
}
