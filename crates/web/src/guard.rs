//! What surrounds every request: an id, a deadline, a net under panics, safe headers, and telling the observer.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderName, HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use crate::account_limit::Place;
use crate::failure::Failure;
use crate::observer::{RequestObserver, ServedRequest};
use crate::rate_budget::RateBudgetSlot;
use crate::refusal::{Refusal, Refusals};
use crate::safe_headers::SafeHeaders;
use crate::surface::{RouteLabel, Surface};

/// From the request's head to the response's. Longer than reading a body may take, and than waiting for a connection to
/// the database.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Names a request in the log. Ours alone: an id that a client chose could be made to collide.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The route label of a request that no route matched.
const UNMATCHED: &str = "unmatched";

/// What surrounds the requests of a group of routes.
#[derive(Clone)]
pub struct Guard {
    surface: Arc<dyn Surface>,
    headers: SafeHeaders,
    label: RouteLabel,
    observer: Arc<dyn RequestObserver>,
    refusals: Arc<Refusals>,
    timeout: Duration,
    /// Whether they count among the requests of their account that are answered at once.
    counts_for_account: bool,
}

impl Guard {
    /// The usual guard of a group of routes. `refusals` bounds the log lines of all groups together.
    pub fn new(
        surface: Arc<dyn Surface>,
        headers: SafeHeaders,
        label: RouteLabel,
        observer: Arc<dyn RequestObserver>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self {
            surface,
            headers,
            label,
            observer,
            refusals,
            timeout: REQUEST_TIMEOUT,
            counts_for_account: true,
        }
    }

    /// For routes that wait for a sender: they may take so much longer. As they hold no connection to the database
    /// meanwhile, and have limits of their own, they do not count for their account.
    pub fn waiting_for_sender(&self, timeout: Duration) -> Self {
        Self {
            timeout: self.timeout + timeout,
            counts_for_account: false,
            ..self.clone()
        }
    }

    /// For requests that no route matches.
    pub fn unmatched(&self) -> Self {
        Self {
            label: RouteLabel::Fixed(UNMATCHED),
            ..self.clone()
        }
    }

    fn route(&self, request: &Request) -> Cow<'static, str> {
        match &self.label {
            RouteLabel::Fixed(label) => Cow::Borrowed(label),
            RouteLabel::Template { base_path } => {
                let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
                let template = template.and_then(|template| template.strip_prefix(&**base_path));
                template.map_or(Cow::Borrowed(UNMATCHED), |template| Cow::Owned(template.to_owned()))
            }
        }
    }
}

/// The middleware: every response leaves through it.
pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7();
    let method = request.method().clone();
    let route = guard.route(&request);
    let span = tracing::info_span!("request", %id, %method, route = &*route);
    let place = Place::default();
    if guard.counts_for_account {
        request.extensions_mut().insert(place.clone());
    }
    let budget = RateBudgetSlot::default();
    request.extensions_mut().insert(budget.clone());
    let mut response = contained(request, next, guard.timeout).instrument(span.clone()).await;
    drop(place);
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        span.in_scope(|| guard.refusals.note(Instant::now(), &route, &refusal));
    }
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        // Whatever a handler put into it is not for those outside.
        response = Failure::Internal.into_response();
    }
    response = guard.surface.complete(response, id);
    guard.headers.add_to(response.headers_mut());
    budget.add_to(response.headers_mut());
    response.headers_mut().insert(X_REQUEST_ID, header_value(id));
    let status = response.status();
    guard.observer.served(&ServedRequest {
        method: &method,
        route: &route,
        status,
        duration: started.elapsed(),
    });
    response
}

/// Runs the handler for a limited time, and survives its panic. The panic's message is in the log already.
async fn contained(request: Request, next: Next, timeout: Duration) -> Response {
    if !names_one_host(&request) {
        return Failure::Host.into_response();
    }
    let response = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(timeout, response).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("request handler panicked");
            Failure::Internal.into_response()
        }
        Err(_) => {
            tracing::warn!(?timeout, "request timed out");
            Failure::TimedOut.into_response()
        }
    }
}

/// RFC 9112 §3.2. Two hosts, or none, are how requests are smuggled past a proxy. HTTP/1.0 knew no such header.
fn names_one_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

fn header_value(id: Uuid) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).expect("a UUID is a header value")
}

#[cfg(test)]
mod tests;
