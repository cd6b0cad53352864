//! `POST /notifications/read-all`

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::TAG;
use crate::caller::RequireAdmin;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::post("/api/v1/notifications/read-all", handler)
        .for_admins(TAG, "markAllNotificationsRead", "Mark all notifications as read")
        .answer(200, "How many were unread", reference("Count"))
}

/// How many were marked.
#[derive(Serialize)]
struct ReadCount {
    count: u64,
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    State(state): State<ApiState>,
) -> Result<Json<ReadCount>, Problem> {
    let count = state.admin.database.read_all_notifications(&caller.account).await?;
    Ok(Json(ReadCount { count }))
}
