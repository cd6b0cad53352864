//! Deleting a webhook: a page that says what is lost, and its button.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;

use super::failure::{PageError, see_other};
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::state::PageState;
use super::submission::AdminSubmission;
use super::words::count;
use crate::path_id::PathId;
use crate::webhook_changes;

#[derive(Template)]
#[template(path = "delete.html")]
struct DeletePage {
    shell: Shell,
    id: WebhookId,
    name: String,
    url: String,
    held: Option<String>,
}

/// `GET …/{id}/delete`
pub(super) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer, id).await?;
    viewer.admins_only()?;
    let held = (webhook.held > 0).then(|| count(webhook.held, "waiting event", "waiting events"));
    let shown = DeletePage { shell: state.shell(&viewer).await?, id, name: webhook.name, url: webhook.url, held };
    page(StatusCode::OK, &shown)
}

/// `POST …/{id}/delete`
pub(super) async fn delete(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    webhook_changes::delete(&state.api, &submission.by.bearer, id, None).await?;
    Ok(see_other(&format!("{}?done=deleted", state.root())))
}
