//! Editing a webhook.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use store::webhooks::{Edit, Webhook};

use super::failure::{PageError, see_other};
use super::new::FormPage;
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::state::PageState;
use super::submission::{AdminSubmission, Submission};
use super::webhook_fields::WebhookFields;
use crate::path_id::PathId;
use crate::problem::FieldError;
use crate::webhook_changes;

impl FormPage {
    /// The form of a webhook that has this version.
    pub(super) fn editing(shell: Shell, id: WebhookId, version: i64, name: &str, form: WebhookFields) -> Self {
        let webhook = format!("{}/{id}", shell.root);
        Self {
            heading: format!("Edit {name}"),
            action: format!("{webhook}/edit"),
            test_action: format!("{webhook}/test"),
            cancel: webhook,
            editing: Some(version),
            form,
            groups: WebhookFields::groups(),
            test: None,
            shell,
        }
    }
}

/// `GET …/{id}/edit`
pub(super) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer, id).await?;
    viewer.admins_only()?;
    let form = WebhookFields::of(&webhook);
    FormPage::editing(state.shell(&viewer).await?, id, webhook.version, &webhook.name, form).answer()
}

/// `POST …/{id}/edit`: saves, unless somebody else did since the form was opened.
pub(super) async fn save(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(Submission { by, fields }): AdminSubmission,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&by, id).await?;
    let version = fields.get("version").and_then(|version| version.parse().ok());
    let form = WebhookFields::sent(&fields, false);
    let refused = async |status, errors| {
        let form = WebhookFields { errors, ..WebhookFields::sent(&fields, false) };
        page(status, &FormPage::editing(state.shell(&by).await?, id, webhook.version, &webhook.name, form))
    };
    let edit = match form.to_form(&fields).into_edit(&state.api.policy) {
        Ok(edit) => edit,
        Err(errors) => return refused(StatusCode::UNPROCESSABLE_ENTITY, errors).await,
    };
    let edit = changed(edit, &webhook);
    if edit.name.is_none() && edit.url.is_none() && edit.event_types.is_none() {
        return Ok(see_other(&format!("{}/{id}", state.root())));
    }
    match webhook_changes::edit(&state.api, &by.bearer, id, &edit, version).await {
        Ok(_) => Ok(see_other(&format!("{}/{id}?done=saved", state.root()))),
        Err(problem) if problem.status() == StatusCode::PRECONDITION_FAILED => {
            let detail = "Somebody else has changed this webhook meanwhile. Below is what you typed; save again to replace theirs.";
            refused(StatusCode::CONFLICT, vec![FieldError::new("", "changed_meanwhile", detail)]).await
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Without what is as it was, so that the audit trail names what was changed.
fn changed(edit: Edit, webhook: &Webhook) -> Edit {
    Edit {
        name: edit.name.filter(|name| *name != webhook.name),
        url: edit.url.filter(|url| url.as_str() != webhook.url),
        event_types: edit.event_types.filter(|event_types| *event_types != webhook.event_types),
    }
}
