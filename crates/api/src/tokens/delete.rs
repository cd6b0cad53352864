//! `DELETE /tokens/{id}`: revokes an API token.

use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;
use web::PathId;

use super::TAG;
use crate::caller::RequireAdmin;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::delete("/api/v1/tokens/{id}", handler)
        .for_admins(TAG, "deleteToken", "Delete an API token of the account")
        .about(
            "The API refuses the token from now on, and console sessions that it started end. A token may delete itself, \
             even the account's last administrator's token: then an operator has to create another.",
        )
        .id("TokenId")
        .empty_answer(204, "Deleted")
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<Uuid>,
    State(state): State<ApiState>,
) -> Result<StatusCode, Problem> {
    state.admin.revoke_token(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
