//! Sending all failed deliveries of a time again: first how many there are, then the button.

use admin::RecoverRange;
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use web::PathId;

use crate::access::session::SignedIn;
use crate::access::submission::AdminSubmission;
use crate::error::{PageError, see_other};
use crate::page_query::{PageQuery, time};
use crate::state::PageState;
use crate::view::labels::Moment;
use crate::view::layout::{Layout, page};
use crate::view::text::filters;

#[derive(Template)]
#[template(path = "recover.html")]
struct RecoverPage {
    layout: Layout,
    id: WebhookId,
    name: String,
    paused: bool,
    /// As the browser's field takes it.
    since: String,
    found: Option<Found>,
}

/// What a recovery would send again.
struct Found {
    count: i64,
    words: String,
    since: Moment,
    since_exact: Timestamp,
    until_exact: Timestamp,
}

/// `GET …/{id}/recover`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    viewer.admins_only()?;
    let since = query.since()?;
    let found = match since {
        Some(since) => Some(find(&state, &viewer, id, state.admin.recover_range(since, query.until()?)?).await?),
        None => None,
    };
    let layout = Layout::load(&state, &viewer).await?;
    let proposed = since.unwrap_or_else(|| state.database().clock().now() - 24.hours());
    let shown = RecoverPage {
        layout,
        id,
        paused: webhook.health.paused.is_some(),
        name: webhook.name,
        since: proposed.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M").to_string(),
        found,
    };
    page(StatusCode::OK, &shown)
}

async fn find(state: &PageState, viewer: &SignedIn, id: WebhookId, range: RecoverRange) -> Result<Found, PageError> {
    let failed = state.admin.count_recoverable(&viewer.bearer, id, range).await?;
    Ok(Found {
        count: failed.count,
        words: format!(
            "{failed} failed {}",
            if failed.count == 1 { "delivery" } else { "deliveries" }
        ),
        since: range.since.into(),
        since_exact: range.since,
        until_exact: range.until,
    })
}

/// `POST …/{id}/recover`
pub(crate) async fn start(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let since = time(submission.fields.text("since"), 0).ok_or(PageError::Malformed)?;
    let range = state
        .admin
        .recover_range(since, time(submission.fields.text("until"), 1))?;
    state.admin.recover(&submission.by.bearer, id, range).await?;
    Ok(see_other(&format!("{}/{id}?done=recovering", state.root())))
}
