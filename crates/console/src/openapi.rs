//! The description of this API in `OpenAPI` 3.1, for programs that write clients.
//!
//! Routes, enumerations and problems come from the code they describe. `openapi.json` beside this crate's sources is what
//! it gives; tests compare the two, call every route, and hold real answers against the schemas.

mod events;
mod operation;
mod paths;
mod problems;
mod schemas;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use crate::state::ApiState;

/// Before every path of the API; left out in the description, which names it as the server.
const ROOT: &str = "/api/v1";

const ABOUT: &str = "Webhooks of an account: what is sent where, and what became of it. The token fixes the account; \
another account's objects are not found. Times are RFC 3339 in UTC. A field that is not described is refused, and so is a \
query parameter. Answers may gain fields.";

/// The description of the API below a base path, which is empty or such as `/apps/webhooks`.
pub fn document(base_path: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "EasyCRM Webhooks",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": format!("{base_path}{ROOT}")}],
        "security": [{"token": []}],
        "tags": [
            {"name": "Webhooks", "description": "Adding, editing, pausing and deleting them, and their secrets"},
            {"name": "Deliveries", "description": "The log, and sending again what failed"},
            {"name": "Notifications", "description": "What administrators were told"},
            {"name": "About", "description": "The catalogue of events and this description"},
        ],
        "paths": paths(),
        "webhooks": events::webhooks(),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token from `fanout token create`. The role `viewer` reads and sees no secret.",
                },
            },
            "schemas": schemas::schemas(),
            "responses": problems::responses(),
        },
    })
}

fn paths() -> Value {
    let mut paths = Map::new();
    for (route, method, operation) in paths::all() {
        let path = route.template().trim_start_matches(ROOT).to_owned();
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation.into_value();
    }
    paths.into()
}

/// `GET /openapi.json`: needs no token, since it says nothing of any account.
pub(crate) async fn show(State(state): State<ApiState>) -> Json<Value> {
    Json(document(&state.base_path))
}
