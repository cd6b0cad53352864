//! `POST /webhooks/{id}/check-request`: checks a request that a receiver got. Nothing is stored or sent.

use admin::{CheckForm, Input, MAX_PASTED_BYTES, MAX_PASTED_HEADERS, header_lines};
use axum::Json;
use axum::extract::{Request, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::WebhookId;
use domain::check_request::{CheckedRequest, FindingCode};
use serde_json::{Value, json};
use strum::VariantArray;
use web::PathId;
use web::body::BodyError;

use super::TAG;
use crate::caller::RequireViewer;
use crate::json_body::{self, JSON};
use crate::json_object::JsonObject;
use crate::openapi::schema::{input, one_of, reference};
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let body = json!({
        "headers": {
            "description": "The headers by name, or their lines as one text",
            "oneOf": [
                {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": MAX_PASTED_HEADERS},
                {"type": "string"},
            ],
        },
        "body": {"type": ["string", "null"], "description": "The body; either this or `body_base64`"},
        "body_base64": {"type": ["string", "null"], "description": "The base64 of the exact bytes of the body"},
        "computed": {
            "type": ["string", "null"],
            "description": "The signature that the receiver's own code computed; the mistake in it is named",
        },
    });
    Operation::post("/api/v1/webhooks/{id}/check-request", handler)
        .for_viewers(TAG, "checkRequest", "Check a request that a receiver got")
        .about(
            "Says whether the request was signed with a secret of the webhook, and what is wrong with it or with the \
             receiver's code. Compares the body with the payload in the log. Nothing is stored or sent, and no answer \
             contains a secret or a signature. The body has at most 262,144 bytes. At most 30 checks a minute per token.",
        )
        .id("WebhookId")
        .body("CheckRequestRequest", input(&["headers"], body))
        .answer(200, "What was found", reference("CheckedRequest"))
}

/// Their schemas.
pub(crate) fn schemas() -> Value {
    json!({
        "CheckedRequest": {
            "type": "object",
            "required": ["genuine", "findings"],
            "properties": {
                "genuine": {
                    "type": "boolean",
                    "description": "Whether the request was signed with a secret of the webhook that signed at its timestamp",
                },
                "findings": {"type": "array", "items": reference("Finding"), "minItems": 1},
            },
        },
        "Finding": {
            "type": "object",
            "required": ["code", "detail"],
            "properties": {
                "code": one_of(FindingCode::VARIANTS.iter().map(<&str>::from)),
                "detail": {"type": "string", "description": "What is wrong, and what to do"},
                "at": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Of a body that differs: the first byte that does, counted from 0",
                },
            },
        },
    })
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Json<CheckedRequest>, Problem> {
    let form = read_form(&json_body::read(request, JSON).await?)?;
    Ok(Json(state.admin.check_request(&caller, id, form).await?))
}

fn read_form(body: &[u8]) -> Result<CheckForm, Problem> {
    let mut object = JsonObject::parse(body)?;
    for optional in ["body", "body_base64", "computed"] {
        object.drop_null(optional);
    }
    object.require("headers");
    let headers = if object.is_text("headers") {
        header_lines(&object.text("headers").unwrap_or_default())
    } else {
        let texts = object.texts_by_name("headers", MAX_PASTED_HEADERS).unwrap_or_default();
        texts
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect()
    };
    let pasted = match (object.text("body"), object.text("body_base64")) {
        (Input::Given(_), Input::Given(_)) => {
            object.note("/body_base64", "contradiction", "Give either `body` or `body_base64`");
            Input::Malformed
        }
        (Input::Malformed, _) | (_, Input::Malformed) => Input::Malformed,
        (Input::Given(text), Input::Missing) => Input::Given(text.into_bytes()),
        (Input::Missing, Input::Missing) => Input::Missing,
        (Input::Missing, Input::Given(text)) => match STANDARD.decode(text) {
            Ok(bytes) => Input::Given(bytes),
            Err(_) => {
                object.note("/body_base64", "invalid_value", "Must be base64 with padding");
                Input::Malformed
            }
        },
    };
    if matches!(&pasted, Input::Given(body) if body.len() > MAX_PASTED_BYTES) {
        return Err(BodyError::TooLarge(MAX_PASTED_BYTES).into());
    }
    let computed = match object.text("computed") {
        Input::Given(text) => Some(text),
        Input::Missing | Input::Malformed => None,
    };
    Ok(CheckForm {
        headers,
        body: pasted,
        computed,
        errors: object.into_errors(),
    })
}
