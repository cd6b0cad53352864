//! The description of this API in `OpenAPI` 3.1, for programs that write clients.
//!
//! Operations bring their own descriptions and bodies, resources the schemas of what they answer; enumerations and
//! problems come from the code they describe. `openapi.json` beside this crate's sources is the result; tests compare the
//! two, call every operation, and hold real answers against the schemas.

mod events;
pub(crate) mod problems;
pub(crate) mod schema;
mod values;

use serde_json::{Map, Value, json};

use crate::operation::Operation;
use crate::{audit, check_event, deliveries, event_types, find, meta, notifications, tokens, webhooks};

/// Before every path of the API; left out in the description, which names it as the server.
const ROOT: &str = "/api/v1";

const ABOUT: &str = "Manages the webhooks of an account, and reads its delivery log. The API token fixes the account; with a \
service token, the header `X-Account` names it. Objects of other accounts are answered like unknown ones: 404. Times are RFC \
3339 in UTC. The API refuses fields and query parameters that it does not describe. Responses may gain fields.";

/// The description of these operations below a base path.
pub(crate) fn description(base_path: &str, operations: Vec<Operation>) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for operation in operations {
        let path = operation.path().trim_start_matches(ROOT).to_owned();
        let method = operation.method().as_str().to_lowercase();
        let (description, body) = operation.into_description();
        paths.entry(path).or_insert_with(|| json!({}))[method] = description;
        schemas.extend(body.map(|(name, schema)| (name.to_owned(), schema)));
    }
    let shared = [
        values::schemas(),
        problems::schemas(),
        events::schemas(),
        webhooks::representation::schemas(),
        meta::schemas(),
        webhooks::headers::schemas(),
        webhooks::preview::schemas(),
        webhooks::check_request::schemas(),
        webhooks::test_result::schemas(),
        webhooks::stats::schemas(),
        webhooks::audit::schemas(),
        webhooks::recovery::schemas(),
        deliveries::representation::schemas(),
        find::schemas(),
        check_event::schemas(),
        notifications::representation::schemas(),
        audit::schemas(),
        tokens::representation::schemas(),
        event_types::schemas(),
    ];
    for group in shared {
        let Value::Object(group) = group else {
            unreachable!("each group is an object")
        };
        schemas.extend(group);
    }
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
            {"name": "Webhooks", "description": "Create, update, pause, test and delete webhooks, and manage their secrets"},
            {"name": "Deliveries", "description": "Read the delivery log, and retry failed deliveries"},
            {"name": "Events", "description": "Find events and their verdicts, and check an event before it is published"},
            {"name": "Notifications", "description": "Notifications to administrators about failing webhooks"},
            {"name": "Account", "description": "Read the audit trail, and manage API tokens"},
            {"name": "About", "description": "The catalogue of event types, and the OpenAPI description"},
        ],
        "paths": paths,
        "webhooks": events::webhooks(),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token from `fanout token create` or `POST /tokens`. The role `viewer` only reads, and sees no secret.",
                },
            },
            "parameters": {"Account": account()},
            "schemas": schemas,
            "responses": problems::responses(),
        },
    })
}

/// The header that names a service token's account.
fn account() -> Value {
    json!({
        "name": "X-Account",
        "in": "header",
        "description": "The account that a service token acts for; required with a service token. Any other token may only name its own account.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    })
}
