//! Editing a webhook.

use admin::{AdminError, FieldError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use store::webhooks::{Edit, Webhook};
use web::PathId;

use crate::access::session::SignedIn;
use crate::access::submission::{AdminSubmission, Submission};
use crate::error::{PageError, see_other};
use crate::state::PageState;
use crate::view::condition_rows;
use crate::view::layout::page;
use crate::view::webhook_fields::WebhookFields;
use crate::view::webhook_form_page::FormPage;

/// `GET …/{id}/edit`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    viewer.admins_only()?;
    FormPage::editing(&state, &viewer, &webhook, WebhookFields::of(&webhook))
        .await?
        .respond()
}

/// `POST …/{id}/edit`: saves, unless somebody else did since the form was opened.
pub(crate) async fn save(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(Submission { by, fields }): AdminSubmission,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&by.bearer.account, id).await?;
    let version = fields.get("version").and_then(|version| version.parse().ok());
    let shown = async |status, errors| {
        let form = WebhookFields {
            errors,
            ..WebhookFields::sent(&fields, false)
        };
        page(status, &FormPage::editing(&state, &by, &webhook, form).await?)
    };
    if condition_rows::is_changed(&fields) {
        return shown(StatusCode::OK, Vec::new()).await;
    }
    let form = WebhookFields::sent(&fields, false).to_form(&fields);
    let edit = match form.into_edit(&state.admin.address_policy) {
        Ok(edit) => changed(edit, &webhook),
        Err(errors) => return shown(StatusCode::UNPROCESSABLE_ENTITY, errors).await,
    };
    if edit.is_empty() {
        return Ok(see_other(&format!("{}/{id}", state.root())));
    }
    match state.admin.edit_webhook(&by.bearer, id, &edit, version).await {
        Ok(_) => {
            let done = if edit.event_types.is_some() || edit.conditions.is_some() {
                "saved-events"
            } else {
                "saved"
            };
            Ok(see_other(&format!("{}/{id}?done={done}", state.root())))
        }
        Err(AdminError::VersionChanged) => {
            let detail = "Somebody else has changed this webhook. Below is what you typed; save again to \
                          replace theirs.";
            shown(
                StatusCode::CONFLICT,
                vec![FieldError::new("", "changed_meanwhile", detail)],
            )
            .await
        }
        Err(error) => Err(error.into()),
    }
}

/// Without what is as it was, so that the audit trail names what was changed.
fn changed(edit: Edit, webhook: &Webhook) -> Edit {
    Edit {
        name: edit.name.filter(|name| *name != webhook.name),
        url: edit.url.filter(|url| url.as_str() != webhook.url),
        event_types: edit
            .event_types
            .filter(|event_types| *event_types != webhook.event_types),
        conditions: edit.conditions.filter(|conditions| *conditions != webhook.conditions),
        description: edit
            .description
            .filter(|description| *description != webhook.description),
        max_per_second: edit.max_per_second.filter(|most| *most != webhook.max_per_second),
    }
}
