//! One delivery: its payload and every attempt; and sending it again.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use domain::{DeliveryId, DeliveryState, WebhookId};
use store::delivery_log::DeliveryDetail;
use url::form_urlencoded;

use crate::access::session::SignedIn;
use crate::access::submission::{AdminSubmission, Submission};
use crate::error::{PageError, see_other};
use crate::page_query::PageQuery;
use crate::state::PageState;
use crate::view::curl::curl;
use crate::view::layout::{Layout, page};
use crate::view::log_line::{AttemptLine, LogLine, Payload};
use crate::view::text::{filters, is_shown_exactly};

/// A longer payload is shown whole on request only: every page stays small. Escaped and laid out, it is several times as
/// long.
const SHOWN_AT_ONCE: usize = 4 * 1024;

/// Of a longer payload the command is shown on request only. Quoted and escaped, it is up to sixteen times as long.
const CURL_AT_ONCE: usize = 1024;

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    layout: Layout,
    id: WebhookId,
    name: String,
    /// Whether the webhook is deleted.
    deleted: bool,
    /// Whether the viewer may send the delivery again.
    can_send: bool,
    event_id: String,
    /// The record that the event is about.
    subject: Option<String>,
    /// The query of a search for the event.
    find: String,
    line: LogLine,
    payload: Payload,
    attempts: Vec<AttemptLine>,
    /// The command that sends the payload to a local receiver.
    curl: Option<String>,
}

/// What a line of the log unfolds.
#[derive(Template)]
#[template(path = "fold.html")]
struct Fold {
    layout: Layout,
    id: WebhookId,
    line: LogLine,
    payload: Payload,
    attempts: Vec<AttemptLine>,
}

/// The confirmation before a delivered one is sent once more.
#[derive(Template)]
#[template(path = "send_again.html")]
struct SendAgainPage {
    layout: Layout,
    id: WebhookId,
    name: String,
    line: LogLine,
}

/// `GET …/{id}/deliveries/{delivery}`; with `whole`, the payload in full whatever its length.
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    Path(path): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let (id, detail) = find(&state, &viewer, &path).await?;
    // One that a former release deleted has left no name.
    let (name, exists) = match state.logged_webhook(&viewer.bearer.account, id).await? {
        Some((name, deleted_at)) => (name, deleted_at.is_none()),
        None => ("Deleted webhook".to_owned(), false),
    };
    let layout = Layout::load(&state, &viewer).await?.with_done(query.get("done"));
    let whole = query.get("whole").is_some() || detail.payload.len() <= SHOWN_AT_ONCE;
    let short = detail.payload.len() <= CURL_AT_ONCE || query.get("whole").is_some();
    let curl = if short && exists && viewer.is_admin() {
        signed_curl(&state, &viewer, &detail).await?
    } else {
        None
    };
    let shown = DeliveryPage {
        layout,
        curl,
        id,
        name,
        deleted: !exists,
        can_send: viewer.is_admin() && exists,
        line: (&detail.delivery).into(),
        payload: Payload::new(&detail.payload, if whole { usize::MAX } else { SHOWN_AT_ONCE }),
        attempts: detail.attempts.iter().map(AttemptLine::from).collect(),
        find: form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &detail.delivery.event_id)
            .finish(),
        subject: detail.delivery.subject,
        event_id: detail.delivery.event_id,
    };
    page(StatusCode::OK, &shown)
}

/// `GET …/{id}/deliveries/{delivery}/fold`: loaded when a line of the log is unfolded.
pub(crate) async fn fold(
    State(state): State<PageState>,
    viewer: SignedIn,
    Path(path): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (id, detail) = find(&state, &viewer, &path).await?;
    let shown = Fold {
        layout: Layout::load(&state, &viewer).await?,
        id,
        line: (&detail.delivery).into(),
        payload: Payload::new(&detail.payload, usize::MAX),
        attempts: detail.attempts.iter().map(AttemptLine::from).collect(),
    };
    page(StatusCode::OK, &shown)
}

/// `GET …/{id}/deliveries/{delivery}/payload`: the exact bytes, as a file.
pub(crate) async fn download(
    State(state): State<PageState>,
    viewer: SignedIn,
    Path(path): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (_, detail) = find(&state, &viewer, &path).await?;
    let name = format!("attachment; filename=\"{}.json\"", detail.delivery.id);
    let response = Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_DISPOSITION, name)
        .body(Body::from(detail.payload))
        .expect("a delivery's id is visible ASCII");
    Ok(response)
}

/// `GET …/{id}/deliveries/{delivery}/send-again`
pub(crate) async fn confirm(
    State(state): State<PageState>,
    viewer: SignedIn,
    Path(path): Path<(String, String)>,
) -> Result<Response, PageError> {
    viewer.admins_only()?;
    let (id, detail) = find(&state, &viewer, &path).await?;
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    let shown = SendAgainPage {
        layout: Layout::load(&state, &viewer).await?,
        id,
        name: webhook.name,
        line: (&detail.delivery).into(),
    };
    page(StatusCode::OK, &shown)
}

/// `POST …/{id}/deliveries/{delivery}/retry`: leads back to where the button was.
pub(crate) async fn retry(
    State(state): State<PageState>,
    Path(path): Path<(String, String)>,
    AdminSubmission(Submission { by, fields }): AdminSubmission,
) -> Result<Response, PageError> {
    let (id, detail) = find(&state, &by, &path).await?;
    let delivery = state.admin.retry_delivery(&by.bearer, detail.delivery.id).await?;
    let done = match delivery.state {
        DeliveryState::Held => "retry-held",
        _ => "retried",
    };
    let log = format!("{}/{id}/deliveries", state.root());
    let back = match fields.text("back") {
        "delivery" => format!("{log}/{}?done={done}", delivery.id),
        "" => format!("{log}?done={done}#{}", delivery.id),
        query => format!("{log}?{query}&done={done}#{}", delivery.id),
    };
    let elsewhere = || see_other(&format!("{log}?done={done}"));
    Ok(state.local_path(&back).map_or_else(elsewhere, see_other))
}

/// For admins: a signed request is theirs to make.
async fn signed_curl(
    state: &PageState,
    viewer: &SignedIn,
    detail: &DeliveryDetail,
) -> Result<Option<String>, PageError> {
    let Ok(body) = std::str::from_utf8(&detail.payload) else {
        return Ok(None);
    };
    let headers = state.admin.signed_headers(&viewer.bearer.account, detail).await?;
    Ok(headers
        .map(|headers| curl(&headers, body))
        .filter(|curl| is_shown_exactly(curl)))
}

/// The delivery that the path names, if it is the account's and the webhook's.
async fn find(
    state: &PageState,
    viewer: &SignedIn,
    (webhook, delivery): &(String, String),
) -> Result<(WebhookId, DeliveryDetail), PageError> {
    let webhook: WebhookId = webhook.parse().map_err(|_| PageError::not_found())?;
    let delivery: DeliveryId = delivery.parse().map_err(|_| PageError::not_found())?;
    let detail = state.database().delivery(&viewer.bearer.account, delivery).await?;
    let detail = detail
        .filter(|detail| detail.delivery.webhook == webhook)
        .ok_or_else(PageError::not_found)?;
    Ok((webhook, detail))
}
