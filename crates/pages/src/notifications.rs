//! Notifications to administrators.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{NotificationKind, WebhookId};
use store::notifications::Notification;
use uuid::Uuid;
use web::Cursor;

use crate::access::session::SignedIn;
use crate::access::submission::AdminSubmission;
use crate::error::{PageError, see_other};
use crate::page_query::PageQuery;
use crate::state::PageState;
use crate::view::labels::Moment;
use crate::view::layout::{Layout, page};
use crate::view::text::filters;

/// Notifications of a page.
const PAGE: usize = 25;

#[derive(Template)]
#[template(path = "notifications.html")]
struct NotificationsPage {
    layout: Layout,
    rows: Vec<Row>,
    older: Option<String>,
}

struct Row {
    id: Uuid,
    webhook: WebhookId,
    message: String,
    at: Moment,
    unread: bool,
    good: bool,
}

impl From<&Notification> for Row {
    fn from(notification: &Notification) -> Self {
        Self {
            id: notification.id,
            webhook: notification.webhook,
            message: notification.message.clone(),
            at: notification.created_at.into(),
            unread: notification.read_at.is_none(),
            good: notification.kind == NotificationKind::Recovered,
        }
    }
}

/// `GET …/notifications`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let account = &viewer.bearer.account;
    let list = format!("pages of notifications of {account}");
    let after = query.cursor("cursor", &list)?.map(Cursor::key);
    let mut notifications = state
        .database()
        .notifications(account, None, after, PAGE as i64 + 1)
        .await?;
    let more = notifications.len() > PAGE;
    notifications.truncate(PAGE);
    let layout = Layout::load(&state, &viewer).await?.with_done(query.get("done"));
    let last = notifications.last().filter(|_| more);
    let shown = NotificationsPage {
        older: last.map(|last| Cursor::from(last).encode(&list)),
        rows: notifications.iter().map(Row::from).collect(),
        layout,
    };
    page(StatusCode::OK, &shown)
}

/// `POST …/notifications/{notification}/read`
pub(crate) async fn read(
    State(state): State<PageState>,
    Path(id): Path<String>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let id = Uuid::try_parse(&id).map_err(|_| PageError::not_found())?;
    let read = state
        .database()
        .read_notification(&submission.by.bearer.account, id)
        .await?;
    read.ok_or_else(PageError::not_found)?;
    Ok(see_other(&format!("{}/notifications?done=read", state.root())))
}

/// `POST …/notifications/read-all`
pub(crate) async fn read_all(
    State(state): State<PageState>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    state
        .database()
        .read_all_notifications(&submission.by.bearer.account)
        .await?;
    Ok(see_other(&format!("{}/notifications?done=read", state.root())))
}
