//! `PATCH /webhooks/{id}`: changes what the body names (RFC 7396).

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use super::form::{read_settings, settings};
use super::representation::tagged;
use super::version::{permitted_version, with_if_match};
use super::{ETAG_TEXT, TAG};
use crate::caller::RequireAdmin;
use crate::json_body::{self, MERGE_PATCH};
use crate::json_object::JsonObject;
use crate::openapi::schema::{input, reference};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let operation = Operation::patch("/api/v1/webhooks/{id}", handler)
        .for_admins(TAG, "updateWebhook", "Update the given fields of a webhook (RFC 7396)")
        .about("The change also applies to deliveries that are already queued.")
        .id("WebhookId")
        .body_as(MERGE_PATCH, "UpdateWebhookRequest", input(&[], settings()), true)
        .answer(200, "The webhook", reference("Webhook"))
        .answer_header(200, "ETag", ETAG_TEXT);
    with_if_match(operation)
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body::read(request, MERGE_PATCH).await?;
    let form = read_settings(JsonObject::parse(&body)?);
    let edit = form
        .into_edit(&state.admin.address_policy)
        .map_err(Problem::validation_failed)?;
    let version = permitted_version(&state.admin.database, &caller.account, id, &headers).await?;
    Ok(tagged(
        state.admin.edit_webhook(&caller, id, &edit, version).await?,
        caller.role,
    ))
}
