//! One delivery: its payload and every attempt; and sending it again.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{DeliveryId, WebhookId};
use store::delivery_log::{Attempt, DeliveryDetail};

use crate::access::session::SignedIn;
use crate::access::submission::AdminSubmission;
use crate::error::{PageError, see_other};
use crate::state::PageState;
use crate::view::layout::{Layout, page};
use crate::view::log_line::{AttemptLine, Budget, LogLine, Payload};
use crate::view::text::filters;

/// Of payload and answers together, in bytes; the API has the whole.
const PAGE_BUDGET: usize = 50_000;
/// Of a payload that is too long for the page, in bytes; escaped it is at most five times as long.
const BEGINNING_BYTES: usize = 6 * 1024;

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    layout: Layout,
    id: WebhookId,
    /// Nothing once the webhook is deleted.
    name: Option<String>,
    event_id: String,
    line: LogLine,
    payload: Payload,
    attempts: Vec<AttemptLine>,
}

/// `GET …/{id}/deliveries/{delivery}`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    Path(path): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (id, detail) = find(&state, &viewer, &path).await?;
    let webhook = state.database().webhook(&viewer.bearer.account, id).await?;
    let layout = Layout::load(&state, &viewer).await?;
    let mut budget = Budget(PAGE_BUDGET);
    let shown = DeliveryPage {
        layout,
        id,
        name: webhook.map(|webhook| webhook.name),
        line: (&detail.delivery).into(),
        event_id: detail.delivery.event_id,
        payload: payload(&detail.payload, &mut budget),
        attempts: attempts(&detail.attempts, &mut budget),
    };
    page(StatusCode::OK, &shown)
}

/// The payload, or its beginning if the whole is too long.
fn payload(bytes: &[u8], budget: &mut Budget) -> Payload {
    // A longer one is not even laid out: indented, it may become many times as long.
    if bytes.len() <= PAGE_BUDGET {
        let whole = Payload::new(bytes, bytes.len());
        if budget.spend(whole.shown_bytes()) {
            return whole;
        }
    }
    let beginning = Payload::new(&bytes[..bytes.len().min(BEGINNING_BYTES)], bytes.len());
    budget.spend(beginning.shown_bytes());
    beginning
}

/// Answers that do not fit any more are left out.
fn attempts(attempts: &[Attempt], budget: &mut Budget) -> Vec<AttemptLine> {
    let line = |attempt| {
        let line = AttemptLine::from(attempt);
        if budget.spend(line.shown_bytes()) {
            line
        } else {
            AttemptLine { excerpt: None, ..line }
        }
    };
    attempts.iter().map(line).collect()
}

/// `POST …/{id}/deliveries/{delivery}/retry`
pub(crate) async fn retry(
    State(state): State<PageState>,
    Path(path): Path<(String, String)>,
    AdminSubmission(submission): AdminSubmission,
) -> Result<Response, PageError> {
    let (id, detail) = find(&state, &submission.by, &path).await?;
    state
        .admin
        .retry_delivery(&submission.by.bearer, detail.delivery.id)
        .await?;
    Ok(see_other(&format!("{}/{id}/deliveries?done=retried", state.root())))
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
