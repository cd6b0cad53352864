//! The list of all operations, and the description made from it.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::openapi::description;
use crate::operation::Operation;
use crate::state::ApiState;
use crate::{audit, check_event, deliveries, event_types, find, meta, notifications, tokens, webhooks};

/// Every operation, in the order people read about them.
pub fn operations() -> Vec<Operation> {
    vec![
        webhooks::list::operation(),
        webhooks::create::operation(),
        webhooks::get::operation(),
        webhooks::update::operation(),
        webhooks::delete::operation(),
        webhooks::pause::operation(),
        webhooks::resume::operation(),
        webhooks::secret::operation(),
        webhooks::rotate_secret::operation(),
        webhooks::headers::get_operation(),
        webhooks::headers::put_operation(),
        webhooks::preview::operation(),
        webhooks::test_endpoint::operation(),
        webhooks::test::operation(),
        webhooks::check_request::operation(),
        webhooks::stats::operation(),
        webhooks::audit::operation(),
        webhooks::recover::operation(),
        webhooks::recovery::operation(),
        deliveries::list::operation(),
        deliveries::get::operation(),
        deliveries::payload::operation(),
        deliveries::retry::operation(),
        find::operation(),
        check_event::operation(),
        notifications::list::operation(),
        notifications::read::operation(),
        notifications::read_all::operation(),
        audit::operation(),
        tokens::list::operation(),
        tokens::create::operation(),
        tokens::delete::operation(),
        event_types::operation(),
        meta::operation(),
        describe_operation(),
    ]
}

/// The description of the API below a base path, which is empty or such as `/apps/webhooks`.
pub fn document(base_path: &str) -> Value {
    description(base_path, operations())
}

fn describe_operation() -> Operation {
    Operation::get("/api/v1/openapi.json", describe)
        .public("About", "getOpenApi", "Get the OpenAPI description of this API")
        .answer(200, "OpenAPI 3.1", json!({"type": "object"}))
}

/// Needs no token, since it says nothing of any account.
async fn describe(State(state): State<ApiState>) -> Json<Value> {
    Json(document(&state.base_path))
}
