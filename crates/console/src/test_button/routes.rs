//! `/webhooks/test` and `/webhooks/{id}/test`.

use axum::Json;
use axum::extract::{Request, State};
use domain::WebhookId;

use super::{TestForm, TestResult, test_webhook};
use crate::caller::Editor;
use crate::json_body::{self, JSON};
use crate::json_object::JsonObject;
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::state::ApiState;

/// `POST /webhooks/test`: tests a form that is not saved.
pub(crate) async fn test_form(
    Editor(caller): Editor,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<TestResult>, Problem> {
    let body = json_body::read(request, JSON).await?;
    let mut object = JsonObject::parse(&body)?;
    // `null` asks for the usual, as leaving it out does.
    object.drop_null("secret");
    let (url, secret) = (object.text("url"), object.text("secret"));
    let form = TestForm { url, secret, ..read_event_type(object) };
    Ok(Json(test_webhook(&state, &caller, None, form).await?))
}

/// `POST /webhooks/{id}/test`: tests a webhook as it is saved. The body may be left out.
pub(crate) async fn test_saved(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<TestResult>, Problem> {
    let webhook = state.database.webhook(&caller.account, id).await?.ok_or_else(Problem::not_found)?;
    let form = if json_body::is_left_out(&request) {
        TestForm::default()
    } else {
        read_event_type(JsonObject::parse(&json_body::read(request, JSON).await?)?)
    };
    Ok(Json(test_webhook(&state, &caller, Some(&webhook), form).await?))
}

/// The last member; everything else in `object` is unknown.
fn read_event_type(mut object: JsonObject<'_>) -> TestForm {
    object.drop_null("event_type");
    TestForm { event_type: object.text("event_type"), errors: object.into_errors(), ..TestForm::default() }
}
