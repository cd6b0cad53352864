//! The result of a test delivery as it stands below the button.

use admin::{FieldError, TestResult};
use askama::Template;
use askama::filters::HtmlSafe;

/// The result, or why there is none.
#[derive(Debug, Clone, Template)]
#[template(path = "test_result.html")]
pub(crate) struct TestView {
    good: bool,
    lines: Vec<String>,
    response_time_ms: Option<u32>,
}

impl HtmlSafe for TestView {}

impl From<TestResult> for TestView {
    fn from(result: TestResult) -> Self {
        let response_time_ms = Some(result.response_time_ms);
        Self {
            good: result.success,
            lines: vec![result.message],
            response_time_ms,
        }
    }
}

impl TestView {
    /// For a test that was not made.
    pub(crate) fn not_made(sentence: &str) -> Self {
        Self {
            good: false,
            lines: vec![sentence.to_owned()],
            response_time_ms: None,
        }
    }

    /// For a form that has mistakes.
    pub(crate) fn wrong(errors: &[FieldError]) -> Self {
        let lines = errors.iter().map(|error| error.detail.clone().into_owned()).collect();
        Self {
            good: false,
            lines,
            response_time_ms: None,
        }
    }
}
