//! The form of a webhook, for adding and for editing.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{EventType, Operator, WebhookId};
use store::webhooks::Webhook;
use strum::VariantArray;

use super::condition_rows::ConditionRow;
use super::layout::{Layout, page};
use super::preview_result::PreviewView;
use super::test_result::TestView;
use super::text::filters;
use super::webhook_fields::{Group, WebhookFields};
use crate::access::session::SignedIn;
use crate::error::PageError;
use crate::state::PageState;

/// Names of fields that the form offers, in bytes: every page stays small.
const MAX_OFFERED_BYTES: usize = 4 * 1024;

/// The form, for adding and for editing.
#[derive(Template)]
#[template(path = "webhook_form.html")]
pub(crate) struct FormPage {
    layout: Layout,
    /// `Add Webhook`, or whose settings these are.
    heading: String,
    /// Where the form goes.
    action: String,
    /// Where a test goes.
    test_action: String,
    /// Where a preview goes.
    preview_action: String,
    /// Where one goes who changes their mind.
    cancel: String,
    /// The webhook's version, when it is edited.
    editing: Option<i64>,
    /// The id that a new webhook will have: a form that is sent twice adds one.
    new_id: Option<WebhookId>,
    form: WebhookFields,
    groups: Vec<Group>,
    /// Fields that conditions can name.
    offered_fields: Vec<String>,
    test: Option<TestView>,
    preview: Option<PreviewView>,
}

impl FormPage {
    /// The form for a new webhook.
    pub(crate) async fn adding(
        state: &PageState,
        by: &SignedIn,
        id: WebhookId,
        form: WebhookFields,
    ) -> Result<Self, PageError> {
        let shown = Self::load(state, by, form).await?;
        Ok(Self {
            heading: "Add Webhook".to_owned(),
            new_id: Some(id),
            ..shown
        })
    }

    /// The form of a webhook.
    pub(crate) async fn editing(
        state: &PageState,
        by: &SignedIn,
        webhook: &Webhook,
        form: WebhookFields,
    ) -> Result<Self, PageError> {
        let address = format!("{}/{}", state.root(), webhook.id);
        let shown = Self::load(state, by, form).await?;
        Ok(Self {
            heading: format!("Edit {}", webhook.name),
            action: format!("{address}/edit"),
            test_action: format!("{address}/test"),
            preview_action: format!("{address}/preview"),
            cancel: address,
            editing: Some(webhook.version),
            ..shown
        })
    }

    /// The form with what both have, as that of a new webhook.
    async fn load(state: &PageState, by: &SignedIn, form: WebhookFields) -> Result<Self, PageError> {
        let offered_fields = state.admin.condition_fields(&by.bearer, form.event_types()).await?;
        let offered_fields = short_list(offered_fields);
        let layout = Layout::load(state, by).await?;
        Ok(Self {
            heading: String::new(),
            action: format!("{}/new", layout.root),
            test_action: format!("{}/test", layout.root),
            preview_action: format!("{}/preview", layout.root),
            cancel: layout.root.clone(),
            editing: None,
            new_id: None,
            form,
            groups: WebhookFields::groups(),
            offered_fields,
            test: None,
            preview: None,
            layout,
        })
    }

    /// The same, with the result of a test below.
    pub(crate) fn with_test(self, test: TestView) -> Self {
        Self {
            test: Some(test),
            ..self
        }
    }

    /// The same, with a preview below the conditions.
    pub(crate) fn with_preview(self, preview: PreviewView) -> Self {
        Self {
            preview: Some(preview),
            ..self
        }
    }

    /// The page, with the status that its errors call for.
    pub(crate) fn respond(&self) -> Result<Response, PageError> {
        let status = if self.form.errors.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        page(status, self)
    }

    fn is_ticked(&self, event_type: &EventType) -> bool {
        self.form.ticked.contains(*event_type)
    }

    fn operators(&self) -> &'static [Operator] {
        Operator::VARIANTS
    }

    fn words(operator: &Operator) -> &'static str {
        operator.words()
    }

    fn is_chosen(row: &ConditionRow, operator: &Operator) -> bool {
        row.is_chosen(operator)
    }

    /// What is wrong with a part of a row.
    fn row_error(&self, row: &usize, part: &str) -> Option<&str> {
        self.form.error(&format!("condition-{row}-{part}"))
    }

    fn is_tested(&self, event_type: &EventType) -> bool {
        self.form.chosen_for_test() == Some(*event_type)
    }
}

/// As many as a page has room for.
fn short_list(fields: Vec<String>) -> Vec<String> {
    let mut bytes = 0;
    let fits = |field: &String| {
        bytes += field.len();
        bytes <= MAX_OFFERED_BYTES
    };
    fields.into_iter().take_while(fits).collect()
}
