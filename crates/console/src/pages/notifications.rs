//! What administrators were told.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{NotificationKind, WebhookId};
use store::notifications::Notification;
use uuid::Uuid;

use super::failure::{PageError, see_other};
use super::page_query::PageQuery;
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::shown_text::filters;
use super::state::PageState;
use super::submission::AdminSubmission;
use super::words::Moment;
use crate::page::Cursor;

/// Notifications of a page.
const PAGE: usize = 25;

#[derive(Template)]
#[template(path = "notifications.html")]
struct NotificationsPage {
    shell: Shell,
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
    fn from(told: &Notification) -> Self {
        Self {
            id: told.id,
            webhook: told.webhook,
            message: told.message.clone(),
            at: told.created_at.into(),
            unread: told.read_at.is_none(),
            good: told.kind == NotificationKind::Recovered,
        }
    }
}

/// `GET …/notifications`
pub(super) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let account = &viewer.bearer.account;
    let list = format!("pages of notifications of {account}");
    let after = query.get("cursor").map(|text| Cursor::decode(&list, text)).transpose()?;
    let after = after.map(|cursor| (cursor.at, cursor.id));
    let mut told = state.api.database.notifications(account, None, after, PAGE as i64 + 1).await?;
    let more = told.len() > PAGE;
    told.truncate(PAGE);
    let last = told.last().filter(|_| more);
    let shown = NotificationsPage {
        older: last.map(|last| Cursor { at: last.created_at, id: last.id }.encode(&list)),
        rows: told.iter().map(Row::from).collect(),
        shell: state.shell(&viewer).await?.with_done(query.get("done")),
    };
    page(StatusCode::OK, &shown)
}

/// `POST …/notifications/{notification}/read`
pub(super) async fn read(
    State(state): State<PageState>,
    Path(id): Path<String>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let id = Uuid::try_parse(&id).map_err(|_| PageError::not_found())?;
    let read = state.api.database.read_notification(&submission.by.bearer.account, id).await?;
    read.ok_or_else(PageError::not_found)?;
    Ok(see_other(&format!("{}/notifications?done=read", state.root())))
}

/// `POST …/notifications/read-all`
pub(super) async fn read_all(
    State(state): State<PageState>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    state.api.database.read_all_notifications(&submission.by.bearer.account).await?;
    Ok(see_other(&format!("{}/notifications?done=read", state.root())))
}
