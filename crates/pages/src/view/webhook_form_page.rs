//! The form of a webhook, for adding and for editing.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use domain::{EventType, WebhookId};

use super::layout::{Layout, page};
use super::test_result::TestView;
use super::text::filters;
use super::webhook_fields::{Group, WebhookFields};
use crate::error::PageError;

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
    /// Where one goes who changes their mind.
    cancel: String,
    /// The webhook's version, when it is edited.
    editing: Option<i64>,
    /// The id that a new webhook will have: a form that is sent twice adds one.
    new_id: Option<WebhookId>,
    form: WebhookFields,
    groups: Vec<Group>,
    test: Option<TestView>,
}

impl FormPage {
    /// The form for a new webhook.
    pub(crate) fn adding(layout: Layout, id: WebhookId, form: WebhookFields) -> Self {
        Self {
            heading: "Add Webhook".to_owned(),
            action: format!("{}/new", layout.root),
            test_action: format!("{}/test", layout.root),
            cancel: layout.root.clone(),
            editing: None,
            new_id: Some(id),
            form,
            groups: WebhookFields::groups(),
            test: None,
            layout,
        }
    }

    /// The form of a webhook that has this version.
    pub(crate) fn editing(layout: Layout, id: WebhookId, version: i64, name: &str, form: WebhookFields) -> Self {
        let webhook = format!("{}/{id}", layout.root);
        Self {
            heading: format!("Edit {name}"),
            action: format!("{webhook}/edit"),
            test_action: format!("{webhook}/test"),
            cancel: webhook,
            editing: Some(version),
            new_id: None,
            form,
            groups: WebhookFields::groups(),
            test: None,
            layout,
        }
    }

    /// The same, with the result of a test below.
    pub(crate) fn with_test(self, test: TestView) -> Self {
        Self {
            test: Some(test),
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

    fn is_tested(&self, event_type: &EventType) -> bool {
        self.form.chosen_for_test() == Some(*event_type)
    }
}
