//! Adding a webhook.

use admin::AdminError;
use axum::extract::State;
use axum::response::Response;
use domain::WebhookId;

use crate::access::session::SignedIn;
use crate::access::submission::{AdminSubmission, Fields, Submission};
use crate::error::{PageError, see_other};
use crate::state::PageState;
use crate::view::condition_rows;
use crate::view::webhook_fields::{WebhookFields, webhook_limit};
use crate::view::webhook_form_page::FormPage;

/// `GET …/new`
pub(crate) async fn show(State(state): State<PageState>, viewer: SignedIn) -> Result<Response, PageError> {
    viewer.admins_only()?;
    FormPage::adding(&state, &viewer, WebhookId::generate(), WebhookFields::empty())
        .await?
        .respond()
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
    if condition_rows::is_changed(&fields) {
        return FormPage::adding(&state, &by, id, form).await?.respond();
    }
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
    FormPage::adding(&state, &by, id, WebhookFields { errors, ..form })
        .await?
        .respond()
}

/// Without the script, the button that makes another secret sends the form.
async fn with_new_secret(state: &PageState, by: &SignedIn, fields: &Fields) -> Result<Response, PageError> {
    let secret = WebhookFields::empty().secret;
    let form = WebhookFields {
        secret,
        ..WebhookFields::sent(fields, true)
    };
    FormPage::adding(state, by, chosen_id(fields), form).await?.respond()
}

/// The id that the form carries, so that a form that is sent twice adds one webhook.
pub(crate) fn chosen_id(fields: &Fields) -> WebhookId {
    fields
        .get("id")
        .and_then(|id| id.parse().ok())
        .unwrap_or_else(WebhookId::generate)
}
