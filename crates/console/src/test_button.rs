//! The Test button, for API and pages alike: check what is to be tested, store it, have a sender test it, and say in words
//! how that went. Nothing is dialled here.

mod form;
mod limits;
mod routes;
mod tester;

use std::time::Instant;

use domain::{AccountName, SigningSecret, test_message};
use runtime::TraceContext;
use serde::Serialize;
use store::Database;
use store::bearer::Bearer;
use store::test_requests::TestSubject;
use store::webhooks::Webhook;
use wire::{TestAttempt, TestRequest};

use crate::problem::Problem;
use crate::state::ApiState;
pub(crate) use form::TestForm;
use form::Wanted;
use limits::Tested;
pub(crate) use routes::{test_form, test_saved};
pub use tester::{NoAnswer, Tester, Tests};

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TestResult {
    /// Whether the receiver took it.
    pub(crate) outcome: TestOutcome,
    /// Status of the answer.
    pub(crate) http_status: Option<u16>,
    /// The sentence for people, such as `HTTP 200 OK = Success`.
    pub(crate) message: String,
    /// From beginning to end, in milliseconds.
    pub(crate) response_time_ms: u32,
}

/// Whether a test succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TestOutcome {
    /// The receiver answered 2xx.
    Success,
    /// Anything else.
    Failed,
}

impl From<TestAttempt> for TestResult {
    fn from(attempt: TestAttempt) -> Self {
        Self {
            outcome: if attempt.outcome.is_success() { TestOutcome::Success } else { TestOutcome::Failed },
            http_status: attempt.http_status,
            message: test_message(attempt.outcome, attempt.http_status, attempt.error.as_deref()),
            response_time_ms: attempt.response_time_ms,
        }
    }
}

/// Tests what somebody filled in, for a new webhook or as an edit of `webhook`. Without a URL in the form, `webhook` is
/// tested as it is saved, and the test is kept in its log.
///
/// # Errors
/// 422 with everything that is wrong with the form; 429 for a test too soon after others; 503 when no sender answers.
pub(crate) async fn test_webhook(
    state: &ApiState,
    by: &Bearer,
    webhook: Option<&Webhook>,
    form: TestForm,
) -> Result<TestResult, Problem> {
    let (wanted, event_type) = form.check(&state.policy, webhook).map_err(Problem::validation_failed)?;
    let tested = match &wanted {
        Wanted::Saved(id) | Wanted::Form { webhook: Some(id), .. } => Tested::Webhook(*id),
        Wanted::Form { webhook: None, url, .. } => Tested::Form(&by.account, url),
    };
    state.tests.limits.admit(Instant::now(), by.key(), &tested).map_err(Problem::test_too_soon)?;
    let subject = subject(&state.database, &by.account, wanted).await?;
    let test = state.database.add_test_request(&by.account, &subject, event_type).await?;
    let test = test.ok_or_else(Problem::not_found)?;
    let traceparent = TraceContext::generate().to_string();
    let webhook_id = webhook.map(|webhook| webhook.id.to_string());
    tracing::info!(account = %by.account, by = %by.who, webhook_id, %test, traceparent, "test asked for");
    ask(state, TestRequest { test, account: by.account.clone(), traceparent: Some(traceparent) }).await
}

/// Without a secret, an edit is signed with the webhook's, and a form with one that nobody knows.
async fn subject(database: &Database, account: &AccountName, wanted: Wanted) -> Result<TestSubject, Problem> {
    let (url, secret) = match wanted {
        Wanted::Saved(id) => return Ok(TestSubject::Saved(id)),
        Wanted::Form { url, secret: Some(secret), .. } => (url, secret),
        Wanted::Form { webhook: None, url, secret: None } => (url, SigningSecret::generate()),
        Wanted::Form { webhook: Some(id), url, secret: None } => {
            (url, database.current_secret(account, id).await?.ok_or_else(Problem::not_found)?)
        }
    };
    Ok(TestSubject::Form { url, secret })
}

/// What nobody answered for is taken back, so that it is not tested later.
async fn ask(state: &ApiState, request: TestRequest) -> Result<TestResult, Problem> {
    let (test, account) = (request.test, request.account.clone());
    let no_answer = match state.tests.tester.test(request).await {
        Ok(attempt) => return Ok(attempt.into()),
        Err(no_answer) => no_answer,
    };
    tracing::warn!(%test, %account, reason = %no_answer, "a test has no answer");
    if let Err(error) = state.database.forget_test_request(&account, test).await {
        // Housekeeping removes it, too.
        tracing::warn!(%error, %test, "a test could not be taken back");
    }
    Err(Problem::unavailable(no_answer.sentence()))
}
