//! Deleting a webhook: a page that says what is lost, and its button.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use crate::access::session::SignedIn;
use crate::access::submission::AdminSubmission;
use crate::error::{PageError, see_other};
use crate::state::PageState;
use crate::view::labels::count;
use crate::view::layout::{Layout, page};

#[derive(Template)]
#[template(path = "delete.html")]
struct DeletePage {
    layout: Layout,
    id: WebhookId,
    name: String,
    url: String,
    held: Option<String>,
}

/// `GET …/{id}/delete`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    viewer.admins_only()?;
    let layout = Layout::load(&state, &viewer).await?;
    let held = (webhook.held > 0).then(|| count(webhook.held, "waiting event", "waiting events"));
    page(
        StatusCode::OK,
        &DeletePage {
            layout,
            id,
            name: webhook.name,
            url: webhook.url,
            held,
        },
    )
}

/// `POST …/{id}/delete`
pub(crate) async fn delete(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    state.admin.delete_webhook(&submission.by.bearer, id, None).await?;
    Ok(see_other(&format!("{}?done=deleted", state.root())))
}
