//! The Test button, in the form and on a webhook's page.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::WebhookId;
use store::webhooks::Webhook;

use super::detail::{self, Extras};
use super::failure::PageError;
use super::new::FormPage;
use super::shell::page;
use super::shown_text::filters;
use super::state::PageState;
use super::submission::{AdminSubmission, Fields, Submission};
use super::webhook_fields::WebhookFields;
use crate::path_id::PathId;
use crate::problem::{FieldError, Problem};
use crate::test_button::{TestForm, TestOutcome, TestResult, test_webhook};
use crate::webhook_form::Input;

/// Sent by the script, which wants a part of the page only.
const FRAGMENT: &str = "x-fragment";

/// The result as it stands below the button.
#[derive(Debug, Clone, Template)]
#[template(path = "test_result.html")]
pub(super) struct TestView {
    good: bool,
    lines: Vec<String>,
    response_time_ms: Option<u32>,
}

impl HtmlSafe for TestView {}

/// The result alone, in the element that it belongs into.
#[derive(Template)]
#[template(source = r#"<div id="test-result" role="status" aria-atomic="true">{{ test|part }}</div>"#, ext = "html")]
struct Fragment<'a> {
    test: &'a TestView,
}

impl From<TestResult> for TestView {
    fn from(result: TestResult) -> Self {
        let response_time_ms = Some(result.response_time_ms);
        Self { good: result.outcome == TestOutcome::Success, lines: vec![result.message], response_time_ms }
    }
}

/// A test that was asked for, and what came of it.
struct Tested {
    status: StatusCode,
    view: TestView,
    errors: Vec<FieldError>,
}

impl Tested {
    async fn new(state: &PageState, submission: &Submission, webhook: Option<&Webhook>) -> Result<Self, PageError> {
        let form = form_of(&submission.fields);
        match test_webhook(&state.api, &submission.by.bearer, webhook, form).await {
            Ok(result) => Ok(Self { status: StatusCode::OK, view: result.into(), errors: Vec::new() }),
            Err(problem) => Self::refused(problem),
        }
    }

    /// A form with mistakes, a test too soon, and a test that nobody answered are told where the result would be.
    fn refused(problem: Problem) -> Result<Self, PageError> {
        let status = problem.status();
        if !matches!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            return Err(problem.into());
        }
        let sentence = problem.detail().to_owned();
        let errors = problem.into_field_errors().unwrap_or_default();
        let lines = if errors.is_empty() {
            vec![sentence]
        } else {
            errors.iter().map(|error| error.detail.clone().into_owned()).collect()
        };
        Ok(Self { status, view: TestView { good: false, lines, response_time_ms: None }, errors })
    }
}

/// A field that is empty or not there was left out. A form always has a URL, even an empty one.
fn form_of(fields: &Fields) -> TestForm {
    let filled = |name| match fields.get(name) {
        Some(text) if !text.is_empty() => Input::Given(text.to_owned()),
        _ => Input::Missing,
    };
    let url = fields.get("url").map_or(Input::Missing, |url| Input::Given(url.trim().to_owned()));
    TestForm { url, secret: filled("secret"), event_type: filled("event_type"), ..TestForm::default() }
}

fn wants_fragment(headers: &HeaderMap) -> bool {
    headers.get(FRAGMENT).is_some_and(|name| name == "test-result")
}

/// `POST …/test`: tests what stands in the form for a new webhook.
pub(super) async fn form(
    State(state): State<PageState>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let tested = Tested::new(&state, &submission, None).await?;
    if wants_fragment(&headers) {
        return page(tested.status, &Fragment { test: &tested.view });
    }
    let form = WebhookFields { errors: tested.errors, ..WebhookFields::sent(&submission.fields, true) };
    let shown = FormPage { test: Some(tested.view), ..FormPage::adding(state.shell(&submission.by).await?, form) };
    page(tested.status, &shown)
}

/// `POST …/{id}/test`: tests what stands in the form of a webhook, or the webhook as it is.
pub(super) async fn webhook(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&submission.by, id).await?;
    let tested = Tested::new(&state, &submission, Some(&webhook)).await?;
    if wants_fragment(&headers) {
        return page(tested.status, &Fragment { test: &tested.view });
    }
    if submission.fields.get("url").is_none() {
        let extras = Extras { test: Some(tested.view), ..Extras::default() };
        return detail::answer(&state, &submission.by, id, tested.status, extras).await;
    }
    let form = WebhookFields { errors: tested.errors, ..WebhookFields::sent(&submission.fields, false) };
    let shell = state.shell(&submission.by).await?;
    let shown =
        FormPage { test: Some(tested.view), ..FormPage::editing(shell, id, webhook.version, &webhook.name, form) };
    page(tested.status, &shown)
}
