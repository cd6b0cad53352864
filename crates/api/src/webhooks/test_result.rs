//! The result of a test delivery, and the part of the body that both kinds of tests share.

use admin::{TestForm, TestResult};
use serde::Serialize;
use serde_json::{Value, json};

use crate::json_object::JsonObject;
use crate::openapi::schema::{count, number_or_null, object, one_of, reference};
use crate::operation::Operation;
use crate::problem::Kind;

/// A result as clients see it.
#[derive(Serialize)]
pub(super) struct TestResultRepresentation {
    outcome: &'static str,
    http_status: Option<u16>,
    message: String,
    response_time_ms: u32,
}

impl From<TestResult> for TestResultRepresentation {
    fn from(result: TestResult) -> Self {
        Self {
            outcome: if result.success { "success" } else { "failed" },
            http_status: result.http_status,
            message: result.message,
            response_time_ms: result.response_time_ms,
        }
    }
}

/// Reads the last member; everything else in `object` is unknown.
pub(super) fn read_event_type(mut object: JsonObject<'_>) -> TestForm {
    object.drop_null("event_type");
    TestForm {
        event_type: object.text("event_type"),
        errors: object.into_errors(),
        ..TestForm::default()
    }
}

/// What both kinds of tests have in common.
pub(super) fn described(operation: Operation) -> Operation {
    operation
        .about(
            "A sender makes one signed attempt with an example event. The attempt is never retried and never counted. The status is 200 \
             whatever the result of the attempt. At most one test in three seconds for the same webhook, and ten a \
             minute per token.",
        )
        .waiting_for_sender()
        .answer(200, "The result of the test delivery", reference("TestResult"))
        .problems(&[Kind::TestTooSoon])
}

/// Its schema.
pub(crate) fn schemas() -> Value {
    json!({
        "TestResult": object(json!({
            "outcome": one_of(["success", "failed"].into_iter()),
            "http_status": number_or_null("Null without a response"),
            "message": {"type": "string", "examples": ["HTTP 200 OK = Success", "No HTTP response = Failed: timeout"]},
            "response_time_ms": count(),
        })),
    })
}
