//! A webhook's secret: showing it to an administrator, and replacing it.

use admin::{AdminError, Input, SecretForm};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use crate::access::submission::AdminSubmission;
use crate::error::{PageError, see_other};
use crate::state::PageState;
use crate::view::layout::page;
use crate::view::secret_box::{SecretBox, ShownSecret};
use crate::view::webhook_page::{self, Extras};

/// `POST …/{id}/secret`: shows it. A `POST`, because the audit trail records who looked at it.
pub(crate) async fn reveal(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let secret = state.admin.reveal_secret(&submission.by.bearer, id).await?;
    let shown = Some(ShownSecret::from(&secret));
    if headers.get("x-fragment").is_some_and(|name| name == "secret-box") {
        let webhook = format!("{}/{id}", state.root());
        let form_token = submission.by.form_token;
        return page(
            StatusCode::OK,
            &SecretBox {
                webhook,
                form_token,
                shown,
                error: None,
            },
        );
    }
    let extras = Extras {
        secret: shown,
        ..Extras::default()
    };
    webhook_page::respond(&state, &submission.by, id, StatusCode::OK, extras).await
}

/// `POST …/{id}/rotate`: replaces it, by one of their own or by a generated one.
pub(crate) async fn rotate(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let given = submission.fields.get("secret").filter(|text| !text.is_empty());
    let secret = given.map_or(Input::Missing, |text| Input::Given(text.to_owned()));
    let form = SecretForm {
        secret,
        errors: Vec::new(),
    };
    match state.admin.rotate_secret(&submission.by.bearer, id, form).await {
        Ok(_) => Ok(see_other(&format!("{}/{id}?done=rotated#secret-box", state.root()))),
        Err(AdminError::Invalid(errors)) => {
            let error = errors.first().map(|error| error.detail.clone().into_owned());
            let extras = Extras {
                secret_error: error,
                ..Extras::default()
            };
            webhook_page::respond(&state, &submission.by, id, StatusCode::UNPROCESSABLE_ENTITY, extras).await
        }
        Err(error) => Err(error.into()),
    }
}
