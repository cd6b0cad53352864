//! `GET /notifications`: a page of an account's notifications, newest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde_json::json;
use web::Cursor;

use super::TAG;
use super::representation::NotificationRepresentation;
use crate::caller::RequireViewer;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::page::{ListPage, Page};
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    let about = "`true`: only unread notifications; `false`: only read ones";
    Operation::get("/api/v1/notifications", handler)
        .for_viewers(TAG, "listNotifications", "List notifications, newest first")
        .query("unread", about, json!({"type": "boolean"}))
        .paginated()
        .answer(200, "A page of notifications", reference("NotificationPage"))
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<NotificationRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let unread = query.take("unread", "Must be true or false", |text| text.parse().ok());
    let page = ListPage::of(format!("notifications of {}", caller.account), query)?;
    let after = page.after.map(Cursor::key);
    let database = &state.admin.database;
    let notifications = database
        .notifications(&caller.account, unread, after, page.rows())
        .await?;
    Ok(Json(page.answer(notifications, NotificationRepresentation::from)))
}
