//! `/notifications`: what administrators were told.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{NotificationKind, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use store::notifications::Notification;
use uuid::Uuid;

use crate::caller::{Editor, Reader};
use crate::page::{Cursor, Page};
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;

/// A notification as clients see it.
#[derive(Serialize)]
pub(crate) struct NotificationRepresentation {
    id: Uuid,
    kind: NotificationKind,
    message: String,
    webhook_id: WebhookId,
    created_at: Timestamp,
    read_at: Option<Timestamp>,
}

impl From<Notification> for NotificationRepresentation {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id,
            kind: notification.kind,
            message: notification.message,
            webhook_id: notification.webhook,
            created_at: notification.created_at,
            read_at: notification.read_at,
        }
    }
}

/// `GET /notifications`: a page of them, newest first.
pub(crate) async fn list(
    Reader(caller): Reader,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<NotificationRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let unread = query.take("unread", "Must be true or false", |text| text.parse().ok());
    let (limit, cursor) = (query.limit(), query.cursor());
    query.finish()?;
    let list = format!("notifications of {}", caller.account);
    let after = cursor.map(|text| Cursor::decode(&list, &text)).transpose()?;
    let after = after.map(|cursor| (cursor.at, cursor.id));
    let notifications = state.database.notifications(&caller.account, unread, after, limit + 1).await?;
    let cursor = |last: &Notification| Cursor { at: last.created_at, id: last.id }.encode(&list);
    Ok(Json(Page::new(notifications, limit, cursor, NotificationRepresentation::from)))
}

/// `POST /notifications/{id}/read`. One that was read keeps its time.
pub(crate) async fn read(
    Editor(caller): Editor,
    PathId(id): PathId<Uuid>,
    State(state): State<ApiState>,
) -> Result<Json<NotificationRepresentation>, Problem> {
    let read = state.database.read_notification(&caller.account, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(read.into()))
}

/// How many were marked.
#[derive(Serialize)]
pub(crate) struct ReadCount {
    count: u64,
}

/// `POST /notifications/read-all`
pub(crate) async fn read_all(
    Editor(caller): Editor,
    State(state): State<ApiState>,
) -> Result<Json<ReadCount>, Problem> {
    Ok(Json(ReadCount { count: state.database.read_all_notifications(&caller.account).await? }))
}
