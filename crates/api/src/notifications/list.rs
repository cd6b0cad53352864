//! `GET /notifications`: a page of an account's notifications, newest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde_json::json;
use store::notifications::Notification;
use web::Cursor;

use super::TAG;
use super::representation::NotificationRepresentation;
use crate::caller::RequireViewer;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::page::{Page, PageRequest};
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
    let page = PageRequest::take(&mut query);
    query.finish()?;
    let page = page.of(format!("notifications of {}", caller.account))?;
    let after = page.after.map(|cursor| (cursor.at, cursor.id));
    let database = &state.admin.database;
    let notifications = database
        .notifications(&caller.account, unread, after, page.rows())
        .await?;
    let cursor = |last: &Notification| Cursor {
        at: last.created_at,
        id: last.id,
    };
    Ok(Json(page.answer(
        notifications,
        cursor,
        NotificationRepresentation::from,
    )))
}
