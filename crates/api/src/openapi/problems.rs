//! Problems, one response for each status.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::schema::{object, reference as schema, text};
use crate::problem::Kind;

/// A reference to the answer of a status.
pub(crate) fn reference(status: StatusCode) -> Value {
    json!({"$ref": format!("#/components/responses/{}", name(status))})
}

/// Such as `NotFound`.
fn name(status: StatusCode) -> String {
    let reason = status
        .canonical_reason()
        .expect("problems have statuses of the standard");
    reason.split_whitespace().collect()
}

/// Every answer with a problem, by its name.
pub(super) fn responses() -> Value {
    let mut kinds: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in Kind::VARIANTS {
        kinds.entry(kind.status().as_u16()).or_default().push(*kind);
    }
    let responses = kinds.values().map(|kinds| (name(kinds[0].status()), response(kinds)));
    responses.collect::<Map<_, _>>().into()
}

/// The schema of a problem, and of what is wrong with a field.
pub(super) fn schemas() -> Value {
    let types: Vec<_> = Kind::VARIANTS.iter().map(|kind| kind.uri()).collect();
    let mut problem = object(json!({
        "type": {"type": "string", "enum": types},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
    }));
    problem["properties"]["errors"] = json!({"type": "array", "items": schema("FieldError")});
    json!({
        "Problem": problem,
        "FieldError": object(json!({
            "pointer": text("JSON pointer to the field; for a parameter, a slash and its name"),
            "code": {"type": "string"},
            "detail": {"type": "string"},
        })),
    })
}

fn response(kinds: &[Kind]) -> Value {
    let status = kinds[0].status();
    let titles: Vec<_> = kinds
        .iter()
        .map(|kind| format!("{} (`{}`)", kind.title(), kind.uri()))
        .collect();
    let content = json!({"application/problem+json": {"schema": schema("Problem")}});
    let mut response = json!({"description": titles.join("; "), "content": content});
    if let Some((name, description)) = header(status) {
        response["headers"][name] = json!({"description": description, "schema": {"type": "string"}});
    }
    response
}

fn header(status: StatusCode) -> Option<(&'static str, &'static str)> {
    match status {
        StatusCode::UNAUTHORIZED => Some(("WWW-Authenticate", "The challenge (RFC 6750)")),
        StatusCode::METHOD_NOT_ALLOWED => Some(("Allow", "The methods of the path")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(("Retry-After", "Seconds to wait before the next request"))
        }
        _ => None,
    }
}
