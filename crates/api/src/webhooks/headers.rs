//! `GET` and `PUT /webhooks/{id}/headers`: the headers that are added to a webhook's requests.

use std::collections::BTreeMap;

use admin::HeadersForm;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use domain::request_header::MAX_REQUEST_HEADERS;
use domain::{RequestHeader, WebhookId};
use serde::Serialize;
use serde_json::{Value, json};
use web::PathId;

use super::TAG;
use super::version::{permitted_version, with_if_match};
use crate::caller::{RequireAdmin, RequireViewer};
use crate::json_body::{self, JSON};
use crate::json_object::JsonObject;
use crate::openapi::schema::{input, object, reference};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

/// Headers, without the values of sensitive ones.
#[derive(Serialize)]
struct HeadersRepresentation {
    headers: BTreeMap<String, String>,
    sensitive: Vec<String>,
}

impl From<Vec<RequestHeader>> for HeadersRepresentation {
    fn from(headers: Vec<RequestHeader>) -> Self {
        let (sensitive, shown): (Vec<_>, Vec<_>) = headers.into_iter().partition(RequestHeader::is_sensitive);
        let pair = |header: &RequestHeader| (header.name().to_owned(), header.expose().to_owned());
        Self {
            headers: shown.iter().map(pair).collect(),
            sensitive: sensitive.iter().map(|header| header.name().to_owned()).collect(),
        }
    }
}

pub(crate) fn get_operation() -> Operation {
    Operation::get("/api/v1/webhooks/{id}/headers", get)
        .for_viewers(TAG, "getRequestHeaders", "Get the request headers of a webhook")
        .about("The response never holds the values of sensitive headers, only their names.")
        .id("WebhookId")
        .answer(200, "The request headers", reference("RequestHeaders"))
}

pub(crate) fn put_operation() -> Operation {
    let values = json!({"type": ["string", "null"], "maxLength": 4096});
    let body = json!({
        "headers": {
            "type": "object",
            "additionalProperties": values,
            "description": "Value by name; null keeps the stored value of a sensitive header",
        },
        "sensitive": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "Names of headers whose values are never shown, beside names with `auth`, `cookie`, \
                `cred`, `key`, `pass`, `pwd`, `secret`, `session`, `signature` or `token` in them",
        },
    });
    let operation = Operation::put("/api/v1/webhooks/{id}/headers", put)
        .for_admins(TAG, "setRequestHeaders", "Replace the request headers of a webhook")
        .about(
            "A webhook has at most 20 request headers, of 4 KiB together. Headers that the service sets, and those of the \
             connection, are refused. The sender adds the request headers to test deliveries too.",
        )
        .id("WebhookId")
        .body("SetRequestHeadersRequest", input(&["headers"], body))
        .answer(200, "The request headers", reference("RequestHeaders"));
    with_if_match(operation)
}

async fn get(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Json<HeadersRepresentation>, Problem> {
    let headers = state.admin.request_headers(&caller, id).await?;
    Ok(Json(headers.into()))
}

async fn put(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    conditions: HeaderMap,
    request: Request,
) -> Result<Json<HeadersRepresentation>, Problem> {
    let body = json_body::read(request, JSON).await?;
    let mut object = JsonObject::parse(&body)?;
    object.require("headers");
    object.drop_null("sensitive");
    let headers = object.texts_by_name("headers", 2 * MAX_REQUEST_HEADERS);
    let sensitive = object.texts("sensitive", 2 * MAX_REQUEST_HEADERS);
    let form = HeadersForm {
        headers: headers.unwrap_or_default(),
        sensitive: sensitive.unwrap_or_default(),
        errors: object.into_errors(),
    };
    let version = permitted_version(&state.admin.database, &caller.account, id, &conditions).await?;
    let headers = state.admin.set_request_headers(&caller, id, form, version).await?;
    Ok(Json(headers.into()))
}

pub(crate) fn schemas() -> Value {
    json!({
        "RequestHeaders": object(json!({
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "sensitive": {"type": "array", "items": {"type": "string"}, "description": "Names of the sensitive headers, whose values are never shown"},
        })),
    })
}
