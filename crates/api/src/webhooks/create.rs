//! `POST /webhooks`: creates a webhook. The answer shows its secret.

use admin::WebhookForm;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::WebhookId;
use store::bearer::Bearer;

use super::form::{read_settings, settings};
use super::representation::CreatedWebhook;
use super::{ETAG_TEXT, TAG};
use crate::caller::RequireAdmin;
use crate::entity_tag::entity_tag;
use crate::idempotency::{Answer, Answered, RepeatableRequest};
use crate::json_object::JsonObject;
use crate::openapi::schema::{input, or_null, reference};
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let mut body = settings();
    body["secret"] = or_null(reference("Secret"));
    Operation::post("/api/v1/webhooks", handler)
        .for_admins(TAG, "createWebhook", "Create a webhook")
        .about("Without `secret`, the service generates one. The response shows the secret.")
        .idempotent_by_key()
        .body("CreateWebhookRequest", input(&["name", "url", "event_types"], body))
        .answer(201, "The webhook and its secret", reference("CreatedWebhook"))
        .answer_header(201, "Location", "Path of the webhook")
        .answer_header(201, "ETag", ETAG_TEXT)
        .problems(&[Kind::WebhookLimit])
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let request = RepeatableRequest::read(request).await?;
    let work = async |id| {
        let form = read_form(request.body())?;
        state.admin.create_webhook_as(&caller, id, form).await?;
        // Its body holds the secret, which is not kept.
        Ok(Answer {
            status: StatusCode::CREATED,
            body: None,
        })
    };
    let answer = async |answered: Answered| {
        if answered.replayed {
            // A secret is shown again only after the audit entry was written.
            state.admin.reveal_secret(&caller, answered.webhook).await?;
        }
        created(&state, &caller, answered.webhook).await
    };
    request
        .carry_out_once(&state.admin.database, &caller, work, answer)
        .await
}

fn read_form(body: &[u8]) -> Result<WebhookForm, Problem> {
    let mut object = JsonObject::parse(body)?;
    // For a secret, `null` asks for a generated one, as leaving it out does.
    object.drop_null("secret");
    let secret = object.text("secret");
    Ok(WebhookForm {
        secret,
        ..read_settings(object)
    })
}

/// The webhook that was added and its secret, both as they are now.
async fn created(state: &ApiState, by: &Bearer, id: WebhookId) -> Result<Response, Problem> {
    let database = &state.admin.database;
    let webhook = database
        .webhook(&by.account, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let secret = database
        .current_secret(&by.account, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let location = HeaderValue::try_from(format!("{}/api/v1/webhooks/{id}", state.base_path));
    let location = location.expect("a base path and a UUID are visible ASCII");
    let headers = [(LOCATION, location), (ETAG, entity_tag(webhook.version))];
    Ok((
        StatusCode::CREATED,
        headers,
        Json(CreatedWebhook::new(webhook, &secret)),
    )
        .into_response())
}
