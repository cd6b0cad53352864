//! The Test button, in the form and on a webhook's page.

use admin::{AdminError, FieldError, Input, TestForm};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::WebhookId;
use store::webhooks::Webhook;
use web::PathId;

use crate::access::submission::{AdminSubmission, Fields, Submission};
use crate::error::PageError;
use crate::fragment;
use crate::new::chosen_id;
use crate::state::PageState;
use crate::view::layout::page;
use crate::view::test_result::TestView;
use crate::view::text::filters;
use crate::view::webhook_fields::WebhookFields;
use crate::view::webhook_form_page::FormPage;
use crate::view::webhook_page::{self, Extras};

/// The result alone, in the element that it belongs into.
#[derive(Template)]
#[template(
    source = r#"<div id="test-result" role="status" aria-atomic="true">{{ test|part }}</div>"#,
    ext = "html"
)]
struct Fragment<'a> {
    test: &'a TestView,
}

/// A test that was requested, and its result.
struct Tested {
    status: StatusCode,
    view: TestView,
    errors: Vec<FieldError>,
}

impl Tested {
    /// Mistakes in the form, a test too soon, and a test without a result are shown in the place of the result.
    async fn new(state: &PageState, submission: &Submission, webhook: Option<&Webhook>) -> Result<Self, PageError> {
        let form = form_of(&submission.fields);
        let (status, view, errors) = match state.admin.test_webhook(&submission.by.bearer, webhook, form).await {
            Ok(result) => (StatusCode::OK, result.into(), Vec::new()),
            Err(AdminError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, TestView::wrong(&errors), errors),
            Err(AdminError::TestTooSoon(_)) => {
                let sentence = "Wait a moment before the next test.";
                (StatusCode::TOO_MANY_REQUESTS, TestView::not_made(sentence), Vec::new())
            }
            Err(AdminError::NoTestResult(reason)) => (
                StatusCode::SERVICE_UNAVAILABLE,
                TestView::not_made(reason.sentence()),
                Vec::new(),
            ),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { status, view, errors })
    }
}

/// A field that is empty or not there was left out. A form always has a URL, even an empty one.
fn form_of(fields: &Fields) -> TestForm {
    let filled = |name| match fields.get(name) {
        Some(text) if !text.is_empty() => Input::Given(text.to_owned()),
        _ => Input::Missing,
    };
    let url = fields
        .get("url")
        .map_or(Input::Missing, |url| Input::Given(url.trim().to_owned()));
    TestForm {
        url,
        secret: filled("secret"),
        event_type: filled("event_type"),
        errors: Vec::new(),
    }
}

fn wants_fragment(headers: &HeaderMap) -> bool {
    fragment::is_wanted(headers, "test-result")
}

/// `POST …/test`: tests what stands in the form for a new webhook.
pub(crate) async fn form(
    State(state): State<PageState>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let tested = Tested::new(&state, &submission, None).await?;
    if wants_fragment(&headers) {
        return page(tested.status, &Fragment { test: &tested.view });
    }
    let form = WebhookFields {
        errors: tested.errors,
        ..WebhookFields::sent(&submission.fields, true)
    };
    let id = chosen_id(&submission.fields);
    let shown = FormPage::adding(&state, &submission.by, id, form).await?;
    page(tested.status, &shown.with_test(tested.view))
}

/// `POST …/{id}/test`: tests what stands in the form of a webhook, or the webhook as it is.
pub(crate) async fn webhook(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&submission.by.bearer.account, id).await?;
    let tested = Tested::new(&state, &submission, Some(&webhook)).await?;
    if wants_fragment(&headers) {
        return page(tested.status, &Fragment { test: &tested.view });
    }
    if submission.fields.get("url").is_none() {
        let extras = Extras {
            test: Some(tested.view),
            ..Extras::default()
        };
        return webhook_page::respond(&state, &submission.by, id, tested.status, extras).await;
    }
    let form = WebhookFields {
        errors: tested.errors,
        ..WebhookFields::sent(&submission.fields, false)
    };
    let shown = FormPage::editing(&state, &submission.by, &webhook, form).await?;
    page(tested.status, &shown.with_test(tested.view))
}
