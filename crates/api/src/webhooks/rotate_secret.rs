//! `POST /webhooks/{id}/secret/rotate`: replaces the secret, by a generated one unless the body has one. The body may be
//! left out.

use admin::SecretForm;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use domain::WebhookId;
use serde_json::json;
use web::{PathId, body};

use super::representation::RotatedSecret;
use super::{ETAG_TEXT, TAG};
use crate::caller::RequireAdmin;
use crate::entity_tag::entity_tag;
use crate::json_body::{self, JSON};
use crate::json_object::JsonObject;
use crate::openapi::schema::{input, or_null, reference};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::post("/api/v1/webhooks/{id}/secret/rotate", handler)
        .for_admins(TAG, "rotateWebhookSecret", "Rotate the signing secret of a webhook")
        .about(
            "The service generates the new secret unless the body has one. For 24 hours, the sender signs with the former \
             secret too; of several former secrets, with the newest three.",
        )
        .id("WebhookId")
        .optional_body(
            "RotateSecretRequest",
            input(&[], json!({"secret": or_null(reference("Secret"))})),
        )
        .answer(200, "The new secret", reference("RotatedSecret"))
        .answer_header(200, "ETag", ETAG_TEXT)
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let form = if body::is_left_out(&request) {
        SecretForm::default()
    } else {
        read_form(&json_body::read(request, JSON).await?)?
    };
    let rotation = state.admin.rotate_secret(&caller, id, form).await?;
    let tag = entity_tag(rotation.webhook.version);
    Ok(([(ETAG, tag)], Json(RotatedSecret::from(rotation))).into_response())
}

fn read_form(body: &[u8]) -> Result<SecretForm, Problem> {
    let mut object = JsonObject::parse(body)?;
    // `null` asks for a generated one, as leaving it out does.
    object.drop_null("secret");
    Ok(SecretForm {
        secret: object.text("secret"),
        errors: object.into_errors(),
    })
}
