//! `/webhooks/{id}/pause` and `/webhooks/{id}/resume`. Repeating them changes nothing.

use axum::extract::State;
use axum::response::Response;
use domain::WebhookId;

use super::tagged;
use crate::caller::Editor;
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::webhook_changes;

/// `POST /webhooks/{id}/pause`: nothing is sent until it is resumed; what arrives is held.
pub(crate) async fn pause(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    Ok(tagged(webhook_changes::pause(&state, &caller, id).await?))
}

/// `POST /webhooks/{id}/resume`: sends what was held, oldest first, beside what arrives.
pub(crate) async fn resume(
    Editor(caller): Editor,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    Ok(tagged(webhook_changes::resume(&state, &caller, id).await?))
}
