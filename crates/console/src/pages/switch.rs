//! Pausing and resuming.

use axum::extract::State;
use axum::response::Response;
use domain::WebhookId;

use super::failure::{PageError, see_other};
use super::state::PageState;
use super::submission::{AdminSubmission, Submission};
use crate::path_id::PathId;
use crate::webhook_changes;

/// `POST …/{id}/pause`
pub(super) async fn pause(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    webhook_changes::pause(&state.api, &submission.by.bearer, id).await?;
    Ok(back(&state, &submission, id, "paused"))
}

/// `POST …/{id}/resume`
pub(super) async fn resume(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    webhook_changes::resume(&state.api, &submission.by.bearer, id).await?;
    Ok(back(&state, &submission, id, "resumed"))
}

/// To where the button is: the list, or the webhook's page.
fn back(state: &PageState, submission: &Submission, id: WebhookId, done: &str) -> Response {
    let root = state.root();
    match submission.fields.get("back") {
        Some("list") => see_other(&format!("{root}?done={done}")),
        _ => see_other(&format!("{root}/{id}?done={done}")),
    }
}
