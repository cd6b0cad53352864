//! A webhook's secret: showing it to an administrator, and replacing it.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::{SigningSecret, WebhookId};

use super::detail::{self, Extras};
use super::failure::{PageError, see_other};
use super::shell::page;
use super::state::PageState;
use super::submission::AdminSubmission;
use crate::path_id::PathId;
use crate::webhook_changes;
use crate::webhook_form::Input;

/// The part of a webhook's page that has to do with its secret. Not `Debug`, for the secret's sake.
#[derive(Template)]
#[template(path = "secret_box.html")]
pub(super) struct SecretBox {
    /// The webhook's page.
    webhook: String,
    form_token: String,
    /// Nothing until somebody asks for it.
    shown: Option<Shown>,
    /// What is wrong with the one that was to replace it.
    error: Option<String>,
}

impl HtmlSafe for SecretBox {}

/// A secret in the forms that receivers take.
pub(super) struct Shown {
    text: String,
    /// The same key for receivers' libraries, when the text has another form.
    whsec: Option<String>,
}

impl From<&SigningSecret> for Shown {
    fn from(secret: &SigningSecret) -> Self {
        let whsec = Some(secret.whsec()).filter(|whsec| whsec != secret.expose());
        Self { text: secret.expose().to_owned(), whsec }
    }
}

impl SecretBox {
    pub(super) fn new(webhook: String, form_token: String, shown: Option<Shown>, error: Option<String>) -> Self {
        Self { webhook, form_token, shown, error }
    }
}

/// `POST …/{id}/secret`: shows it. A `POST`, because it is written down who saw it.
pub(super) async fn reveal(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    headers: HeaderMap,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let secret = webhook_changes::reveal_secret(&state.api, &submission.by.bearer, id).await?;
    let shown = Some(Shown::from(&secret));
    if headers.get("x-fragment").is_some_and(|name| name == "secret-box") {
        let webhook = format!("{}/{id}", state.root());
        return page(StatusCode::OK, &SecretBox::new(webhook, submission.by.form_token, shown, None));
    }
    detail::answer(&state, &submission.by, id, StatusCode::OK, Extras { secret: shown, ..Extras::default() }).await
}

/// `POST …/{id}/rotate`: replaces it, by one of their own or by a generated one.
pub(super) async fn rotate(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let given = submission.fields.get("secret").filter(|text| !text.is_empty());
    let input = given.map_or(Input::Missing, |text| Input::Given(text.to_owned()));
    match webhook_changes::rotate_secret(&state.api, &submission.by.bearer, id, input).await {
        Ok(_) => Ok(see_other(&format!("{}/{id}?done=rotated#secret-box", state.root()))),
        Err(problem) => {
            let status = problem.status();
            let error = problem.into_field_errors()?.first().map(|error| error.detail.clone().into_owned());
            let extras = Extras { secret_error: error, ..Extras::default() };
            detail::answer(&state, &submission.by, id, status, extras).await
        }
    }
}
