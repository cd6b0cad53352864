//! `POST /webhooks/test`: sends a test delivery to an endpoint that is not saved.

use admin::TestForm;
use axum::Json;
use axum::extract::{Request, State};
use serde_json::json;

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
    let body = json!({
        "url": {"type": "string", "format": "uri", "maxLength": 2048},
        "secret": or_null(reference("Secret")),
        "event_type": or_null(reference("EventType")),
    });
    let operation = Operation::post("/api/v1/webhooks/test", handler)
        .for_admins(TAG, "testEndpoint", "Send a test delivery to an unsaved endpoint")
        .body("TestEndpointRequest", input(&["url"], body));
    described(operation)
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<TestResultRepresentation>, Problem> {
    let body = json_body::read(request, JSON).await?;
    let mut object = JsonObject::parse(&body)?;
    // `null` asks for the usual, as leaving it out does.
    object.drop_null("secret");
    let url = object.text("url");
    let secret = object.text("secret");
    let form = TestForm {
        url,
        secret,
        ..read_event_type(object)
    };
    Ok(Json(state.admin.test_webhook(&caller, None, form).await?.into()))
}
