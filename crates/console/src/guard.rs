//! What surrounds every request: an id, a deadline, a net under panics, safe headers, and telling the observer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use runtime::settings::Origin;
use tracing::Instrument;
use uuid::Uuid;

use crate::observer::{RequestMethod, RequestObserver, ServedRequest};
use crate::pages;
use crate::problem::Problem;
use crate::route::Route;
use crate::state::ApiState;

/// From the request's head to the answer's. Longer than reading a body may take, and than waiting for a connection to
/// the database.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Names a request in the log. Ours alone: an id that a client chose could be made to collide.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

type SafeHeaders = [(HeaderName, HeaderValue); 4];

/// Answers hold customers' data and are no pages: nothing may store, guess, frame or run them.
const SAFE_HEADERS: SafeHeaders = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// The same for pages. Without a referrer from page to page, browsers would not say where a form comes from.
fn page_headers(frame_ancestors: &[Origin]) -> SafeHeaders {
    [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, page_policy(frame_ancestors)),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}

/// Pages use nothing but our own stylesheet, script and images in their text, send forms to us alone, and stand in
/// nobody's frame but these.
fn page_policy(frame_ancestors: &[Origin]) -> HeaderValue {
    let mut ancestors: Vec<_> = frame_ancestors.iter().map(Origin::as_str).collect();
    if ancestors.is_empty() {
        ancestors.push("'none'");
    }
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors {}",
        ancestors.join(" ")
    );
    HeaderValue::try_from(policy).expect("an origin is visible ASCII")
}

/// What the guard works with.
#[derive(Clone)]
pub(crate) struct Guard {
    base_path: Arc<str>,
    observer: Arc<dyn RequestObserver>,
    timeout: Duration,
    /// How much longer what waits for a sender may take.
    test_patience: Duration,
    page_headers: SafeHeaders,
}

impl Guard {
    pub(crate) fn new(state: &ApiState) -> Self {
        Self {
            base_path: state.base_path.as_str().into(),
            observer: Arc::clone(&state.observer),
            timeout: REQUEST_TIMEOUT,
            test_patience: state.tests.patience(),
            page_headers: page_headers(&state.console.frame_ancestors),
        }
    }

    /// How long the request may take: the routes that end in `/test` wait for a sender.
    fn timeout(&self, request: &Request) -> Duration {
        let waits = request.extensions().get::<MatchedPath>().is_some_and(|path| path.as_str().ends_with("/test"));
        if waits { self.timeout + self.test_patience } else { self.timeout }
    }

    /// The route that was found for the request.
    fn route(&self, request: &Request) -> Route {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        path.and_then(|path| path.strip_prefix(&*self.base_path)).map_or(Route::Unmatched, Route::of_template)
    }
}

/// The middleware: every answer leaves through it.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7();
    let (method, route) = (RequestMethod::from(request.method()), guard.route(&request));
    let span = tracing::info_span!("request", %id, ?method, route = route.template());
    let timeout = guard.timeout(&request);
    let mut response = contained(request, next, timeout).instrument(span).await;
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        response = Problem::internal(id).into_response();
    }
    let is_page = route == Route::Console || pages::is_marked(&response);
    if is_page {
        response = pages::page_instead(response, &guard.base_path, id);
    }
    harden(response.headers_mut(), if is_page { guard.page_headers } else { SAFE_HEADERS }, id);
    let status = response.status().into();
    guard.observer.served(&ServedRequest { method, route, status, duration: started.elapsed() });
    response
}

/// Runs the handler for a limited time, and survives its panic. The panic's message is in the log already.
async fn contained(request: Request, next: Next, timeout: Duration) -> Response {
    if !names_one_host(&request) {
        return Problem::bad_request("A request has exactly one `Host` header").into_response();
    }
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a request handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => {
            tracing::warn!(?timeout, "a request was given up");
            Problem::unavailable("The request could not be answered in time").into_response()
        }
    }
}

/// RFC 9112 §3.2. Two hosts, or none, are how requests are smuggled past a proxy. HTTP/1.0 knew no such header.
fn names_one_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// A handler that has set one of the headers knows better.
fn harden(headers: &mut HeaderMap, safe: SafeHeaders, id: Uuid) {
    for (name, value) in safe {
        headers.entry(name).or_insert(value);
    }
    let id = HeaderValue::try_from(id.to_string()).expect("a UUID is a header value");
    headers.insert(X_REQUEST_ID, id);
}

#[cfg(test)]
mod tests;
