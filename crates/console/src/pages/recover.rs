//! Sending all failed deliveries of a time again: first how many there are, then the button.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::failure::{PageError, see_other};
use super::page_query::{PageQuery, time};
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::shown_text::filters;
use super::state::PageState;
use super::submission::AdminSubmission;
use super::words::{Moment, count};
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::webhook_changes::{self, RecoverRange};

#[derive(Template)]
#[template(path = "recover.html")]
struct RecoverPage {
    shell: Shell,
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
pub(super) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let webhook = state.webhook(&viewer, id).await?;
    viewer.admins_only()?;
    let since = query.since()?;
    let found = match since {
        Some(since) => Some(find(&state, &viewer, id, RecoverRange::new(since, query.until()?)?).await?),
        None => None,
    };
    let proposed = since.unwrap_or_else(|| Timestamp::now() - 24.hours());
    let shown = RecoverPage {
        shell: state.shell(&viewer).await?,
        id,
        paused: webhook.health.paused.is_some(),
        name: webhook.name,
        since: proposed.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M").to_string(),
        found,
    };
    page(StatusCode::OK, &shown)
}

async fn find(state: &PageState, viewer: &SignedIn, id: WebhookId, range: RecoverRange) -> Result<Found, PageError> {
    let count_of_failed = webhook_changes::recoverable(&state.api, &viewer.bearer, id, range).await?;
    Ok(Found {
        count: count_of_failed,
        words: count(count_of_failed, "failed delivery", "failed deliveries"),
        since: range.since.into(),
        since_exact: range.since,
        until_exact: range.until,
    })
}

/// `POST …/{id}/recover`
pub(super) async fn start(
    State(state): State<PageState>,
    PathId(id): PathId<WebhookId>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let since = time(submission.fields.text("since"), 0).ok_or_else(|| Problem::bad_request("`since` is no time"))?;
    let range = RecoverRange::new(since, time(submission.fields.text("until"), 1))?;
    match webhook_changes::recover(&state.api, &submission.by.bearer, id, range).await {
        Ok(_) => Ok(see_other(&format!("{}/{id}?done=recovering", state.root()))),
        Err(problem) if problem.status() == StatusCode::CONFLICT => Err(PageError::Problem(
            problem,
            Some("This webhook's failed deliveries are being sent again already. Wait until that is done."),
        )),
        Err(problem) => Err(problem.into()),
    }
}
