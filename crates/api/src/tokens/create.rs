//! `POST /tokens`: creates an API token. The answer shows its text, this once.

use admin::{MAX_NAME_CHARACTERS, TokenForm};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::TAG;
use super::representation::CreatedTokenRepresentation;
use crate::caller::RequireAdmin;
use crate::json_body::{self, JSON};
use crate::json_object::{JsonObject, read_time};
use crate::openapi::schema::{input, reference};
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let body = json!({
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS, "description": "Purpose of the token"},
        "role": reference("Role"),
        "expires_at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Time in the future at which the token expires; it never expires if left out",
        },
    });
    Operation::post("/api/v1/tokens", handler)
        .for_admins(TAG, "createToken", "Create an API token of the account")
        .about("Only this response shows the token itself: the service stores its hash.")
        .body("CreateTokenRequest", input(&["name", "role"], body))
        .answer(201, "The new token", reference("CreatedToken"))
        .problems(&[Kind::TokenLimit])
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let body = json_body::read(request, JSON).await?;
    let created = state.admin.create_token(&caller, read_form(&body)?).await?;
    let shown = CreatedTokenRepresentation::new(created, &caller);
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

fn read_form(body: &[u8]) -> Result<TokenForm, Problem> {
    let mut object = JsonObject::parse(body)?;
    object.drop_null("expires_at");
    let name = object.text("name");
    let role = object.text("role");
    let expires_at = object.text("expires_at");
    let mut errors = object.into_errors();
    Ok(TokenForm {
        name,
        role,
        expires_at: read_time(expires_at, "/expires_at", &mut errors),
        errors,
    })
}
