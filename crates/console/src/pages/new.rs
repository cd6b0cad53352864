//! Adding a webhook.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::EventType;

use super::failure::{PageError, see_other};
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::shown_text::filters;
use super::state::PageState;
use super::submission::{AdminSubmission, Fields, Submission};
use super::webhook_fields::{Group, WebhookFields};
use crate::webhook_changes;

/// The form, for adding and for editing.
#[derive(Template)]
#[template(path = "webhook_form.html")]
pub(super) struct FormPage {
    pub(super) shell: Shell,
    /// `Add Webhook`, or whose settings these are.
    pub(super) heading: String,
    /// Where the form goes.
    pub(super) action: String,
    /// Where a test goes.
    pub(super) test_action: String,
    /// Where one goes who changes their mind.
    pub(super) cancel: String,
    /// The webhook and its version, when it is edited.
    pub(super) editing: Option<i64>,
    pub(super) form: WebhookFields,
    pub(super) groups: Vec<Group>,
    pub(super) test: Option<super::test::TestView>,
}

impl FormPage {
    /// The form for a new webhook.
    pub(super) fn adding(shell: Shell, form: WebhookFields) -> Self {
        Self {
            heading: "Add Webhook".to_owned(),
            action: format!("{}/new", shell.root),
            test_action: format!("{}/test", shell.root),
            cancel: shell.root.clone(),
            editing: None,
            form,
            groups: WebhookFields::groups(),
            test: None,
            shell,
        }
    }

    /// The page, with the status that its errors call for.
    pub(super) fn answer(&self) -> Result<Response, PageError> {
        let status = if self.form.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        page(status, self)
    }

    fn is_ticked(&self, event_type: &EventType) -> bool {
        self.form.ticked.contains(*event_type)
    }

    fn is_tested(&self, event_type: &EventType) -> bool {
        self.form.chosen_for_test() == Some(*event_type)
    }
}

/// `GET …/new`
pub(super) async fn show(State(state): State<PageState>, viewer: SignedIn) -> Result<Response, PageError> {
    if !viewer.is_admin() {
        return Err(PageError::viewer());
    }
    FormPage::adding(state.shell(&viewer).await?, WebhookFields::empty()).answer()
}

/// `POST …/new`
pub(super) async fn create(
    State(state): State<PageState>,
    AdminSubmission(Submission { by, fields }): AdminSubmission,
) -> Result<Response, PageError> {
    if fields.get("do") == Some("new-secret") {
        return with_new_secret(&state, &by, &fields).await;
    }
    let form = WebhookFields::sent(&fields, true);
    match webhook_changes::add(&state.api, &by.bearer, form.to_form(&fields)).await {
        Ok((webhook, _)) => Ok(see_other(&format!("{}/{}?done=created", state.root(), webhook.id))),
        Err(problem) => {
            let errors = problem.into_field_errors()?;
            FormPage::adding(state.shell(&by).await?, WebhookFields { errors, ..form }).answer()
        }
    }
}

/// Without the script, the button that makes another secret sends the form.
async fn with_new_secret(state: &PageState, by: &SignedIn, fields: &Fields) -> Result<Response, PageError> {
    let secret = WebhookFields::empty().secret;
    let form = WebhookFields { secret, ..WebhookFields::sent(fields, true) };
    FormPage::adding(state.shell(by).await?, form).answer()
}
