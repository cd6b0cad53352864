//! Adding a webhook.

use admin::AdminError;
use axum::extract::State;
use axum::response::Response;
use domain::WebhookId;

use crate::access::session::SignedIn;
use crate::access::submission::{AdminSubmission, Fields, Submission};
use crate::error::{PageError, see_other};
use crate::state::PageState;
use crate::view::layout::Layout;
use crate::view::webhook_fields::{WebhookFields, webhook_limit};
use crate::view::webhook_form_page::FormPage;

/// `GET …/new`
pub(crate) async fn show(State(state): State<PageState>, viewer: SignedIn) -> Result<Response, PageError> {
    viewer.admins_only()?;
    let layout = Layout::load(&state, &viewer).await?;
    FormPage::adding(layout, WebhookId::generate(), WebhookFields::empty()).respond()
}

/// `POST …/new`
pub(crate) async fn create(
    State(state): State<PageState>,
    AdminSubmission(Submission { by, fields }): AdminSubmission,
) -> Result<Response, PageError> {
    if fields.get("do") == Some("new-secret") {
        return with_new_secret(&state, &by, &fields).await;
    }
    let form = WebhookFields::sent(&fields, true);
    let id = chosen_id(&fields);
    if state.database().webhook_exists(&by.bearer.account, id).await? {
        return Ok(see_other(&format!("{}/{id}?done=exists", state.root())));
    }
    let errors = match state
        .admin
        .create_webhook_as(&by.bearer, id, form.to_form(&fields))
        .await
    {
        Ok((webhook, _)) => return Ok(see_other(&format!("{}/{}?done=created", state.root(), webhook.id))),
        Err(AdminError::Invalid(errors)) => errors,
        Err(AdminError::WebhookLimit(limit)) => vec![webhook_limit(limit)],
        Err(error) => return Err(error.into()),
    };
    let layout = Layout::load(&state, &by).await?;
    FormPage::adding(layout, id, WebhookFields { errors, ..form }).respond()
}

/// Without the script, the button that makes another secret sends the form.
async fn with_new_secret(state: &PageState, by: &SignedIn, fields: &Fields) -> Result<Response, PageError> {
    let layout = Layout::load(state, by).await?;
    let secret = WebhookFields::empty().secret;
    let form = WebhookFields {
        secret,
        ..WebhookFields::sent(fields, true)
    };
    FormPage::adding(layout, chosen_id(fields), form).respond()
}

/// The id that the form carries, so that a form that is sent twice adds one webhook.
pub(crate) fn chosen_id(fields: &Fields) -> WebhookId {
    fields
        .get("id")
        .and_then(|id| id.parse().ok())
        .unwrap_or_else(WebhookId::generate)
}
