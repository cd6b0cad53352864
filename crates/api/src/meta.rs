//! `GET /meta`: the release, the addresses that requests come from, and the limits.

use admin::{MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, MAX_PER_SECOND};
use axum::Json;
use axum::extract::{RawQuery, State};
use domain::request_header::{MAX_REQUEST_HEADERS, MAX_REQUEST_HEADERS_BYTES};
use serde::Serialize;
use serde_json::{Value, json};

use crate::caller::RequireViewer;
use crate::openapi::schema::{count_of, object, reference};
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::state::ApiState;

#[derive(Serialize)]
struct Meta {
    version: &'static str,
    egress_addresses: Vec<String>,
    limits: Limits,
}

#[derive(Serialize)]
struct Limits {
    webhooks_per_account: i64,
    name_characters: usize,
    description_characters: usize,
    max_per_second: i32,
    request_headers: usize,
    request_header_bytes: usize,
}

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/meta", handler)
        .for_viewers(
            "About",
            "getMeta",
            "Get the version, the egress addresses and the limits",
        )
        .answer(200, "About this installation", reference("Meta"))
        .problems(&[Kind::ValidationFailed])
}

pub(crate) fn schemas() -> Value {
    json!({
        "Meta": object(json!({
            "version": {"type": "string"},
            "egress_addresses": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Addresses and networks that requests to receivers come from, for their firewalls; empty if \
                    the operator has not set `egress.public_addresses`",
            },
            "limits": object(json!({
                "webhooks_per_account": count_of("Webhooks of one account"),
                "name_characters": count_of("Characters of a webhook's name"),
                "description_characters": count_of("Characters of a webhook's description"),
                "max_per_second": count_of("Highest `max_per_second` of a webhook"),
                "request_headers": count_of("Request headers of a webhook"),
                "request_header_bytes": count_of("Bytes of their names and values together"),
            })),
        })),
    })
}

async fn handler(
    _: RequireViewer,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Meta>, Problem> {
    Query::parse(query.as_deref()).finish()?;
    Ok(Json(Meta {
        version: env!("CARGO_PKG_VERSION"),
        egress_addresses: state.admin.egress_addresses.clone(),
        limits: Limits {
            webhooks_per_account: state.admin.webhooks_per_account,
            name_characters: MAX_NAME_CHARACTERS,
            description_characters: MAX_DESCRIPTION_CHARACTERS,
            max_per_second: MAX_PER_SECOND,
            request_headers: MAX_REQUEST_HEADERS,
            request_header_bytes: MAX_REQUEST_HEADERS_BYTES,
        },
    }))
}
