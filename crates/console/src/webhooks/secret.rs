//! `/webhooks/{id}/secret` and `/webhooks/{id}/secret/rotate`: for admins, and written down.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use domain::WebhookId;

use super::representation::{RotatedSecret, SecretRepresentation};
use crate::caller::Editor;
use crate::entity_tag::entity_tag;
use crate::json_body::{self, JSON};
use crate::json_object::JsonObject;
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::webhook_changes;
use crate::webhook_form::Input;

/// `GET /webhooks/{id}/secret`: the one in use.
pub(crate) async fn show(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Json<SecretRepresentation>, Problem> {
    let secret = webhook_changes::reveal_secret(&state, &caller, id).await?;
    Ok(Json(SecretRepresentation::from(&secret)))
}

/// `POST /webhooks/{id}/secret/rotate`: replaces it, by a generated one unless the body has one. The body may be left
/// out.
pub(crate) async fn rotate(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let secret = if json_body::is_left_out(&request) {
        Input::Missing
    } else {
        read_secret(&json_body::read(request, JSON).await?)?
    };
    let rotation = webhook_changes::rotate_secret(&state, &caller, id, secret).await?;
    let tag = entity_tag(rotation.webhook.version);
    Ok(([(ETAG, tag)], Json(RotatedSecret::from(rotation))).into_response())
}

fn read_secret(body: &[u8]) -> Result<Input<String>, Problem> {
    let mut object = JsonObject::parse(body)?;
    // `null` asks for a generated one, as leaving it out does.
    object.drop_null("secret");
    let secret = object.text("secret");
    let errors = object.into_errors();
    if errors.is_empty() { Ok(secret) } else { Err(Problem::validation_failed(errors)) }
}
