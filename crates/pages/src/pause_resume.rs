//! Pausing and resuming.

use axum::extract::State;
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use crate::access::submission::{AdminSubmission, Submission};
use crate::error::{PageError, see_other};
use crate::state::PageState;

/// `POST …/{id}/pause`
pub(crate) async fn pause(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    state.admin.pause_webhook(&submission.by.bearer, id).await?;
    Ok(back(&state, &submission, id, "paused"))
}

/// `POST …/{id}/resume`
pub(crate) async fn resume(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    state.admin.resume_webhook(&submission.by.bearer, id).await?;
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
