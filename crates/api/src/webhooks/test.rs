//! `POST /webhooks/{id}/test`: sends a test delivery to a webhook as it is saved. The body may be left out.

use admin::TestForm;
use axum::Json;
use axum::extract::{Request, State};
use domain::WebhookId;
use serde_json::json;
use web::{PathId, body};

use super::TAG;
use super::test_result::{TestResultRepresentation, described, read_event_type};
use crate::caller::RequireAdmin;
use crate::json_body::{self, JSON};
use crate::json_object::JsonObject;
use crate::openapi::schema::{input, or_null, reference};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let body = json!({"event_type": or_null(reference("EventType"))});
    let operation = Operation::post("/api/v1/webhooks/{id}/test", handler)
        .for_admins(TAG, "testWebhook", "Send a test delivery to a webhook")
        .id("WebhookId")
        .optional_body("TestWebhookRequest", input(&[], body));
    described(operation)
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<TestResultRepresentation>, Problem> {
    let webhook = state
        .admin
        .database
        .webhook(&caller.account, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let form = if body::is_left_out(&request) {
        TestForm::default()
    } else {
        read_event_type(JsonObject::parse(&json_body::read(request, JSON).await?)?)
    };
    Ok(Json(
        state.admin.test_webhook(&caller, Some(&webhook), form).await?.into(),
    ))
}
