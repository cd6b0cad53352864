//! What became of a test delivery.

use domain::test_message;
use wire::TestAttempt;

/// What became of a test delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// Whether the receiver answered 2xx.
    pub success: bool,
    /// Status of the response.
    pub http_status: Option<u16>,
    /// The sentence for people, such as `HTTP 200 OK = Success`.
    pub message: String,
    /// From beginning to end, in milliseconds.
    pub response_time_ms: u32,
}

impl From<TestAttempt> for TestResult {
    fn from(attempt: TestAttempt) -> Self {
        Self {
            success: attempt.outcome.is_success(),
            http_status: attempt.http_status,
            message: test_message(attempt.outcome, attempt.http_status, attempt.error.as_deref()),
            response_time_ms: attempt.response_time_ms,
        }
    }
}
