//! `POST /notifications/{id}/read`. A notification that was read before keeps its time.

use axum::Json;
use axum::extract::State;
use uuid::Uuid;
use web::PathId;

use super::TAG;
use super::representation::NotificationRepresentation;
use crate::caller::RequireAdmin;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::post("/api/v1/notifications/{id}/read", handler)
        .for_admins(TAG, "markNotificationRead", "Mark a notification as read")
        .id("NotificationId")
        .answer(200, "The notification", reference("Notification"))
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<Uuid>,
    State(state): State<ApiState>,
) -> Result<Json<NotificationRepresentation>, Problem> {
    let read = state.admin.database.read_notification(&caller.account, id).await?;
    Ok(Json(read.ok_or_else(Problem::not_found)?.into()))
}
