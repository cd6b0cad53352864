//! What goes wrong at the edge, before or around a handler.

use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use store::StoreError;

use crate::body::BodyError;

/// When to try again while something is not available.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

/// Why a request is not answered as it asks. As a response it has no body, and travels as an extension until the
/// request's [`Surface`](crate::Surface) words it for programs or for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// 400 for a request without exactly one `Host`.
    Host,
    /// 404, whether it does not exist or belongs to another account.
    NotFound,
    /// 405; the router adds `Allow`.
    MethodNotAllowed,
    /// A body that cannot be taken.
    Body(BodyError),
    /// 429 for a caller that has no request left for so long.
    RateLimited(Duration),
    /// 429 when so much of the account is being answered already that this waited in vain.
    AccountBusy(Duration),
    /// 500; the log says why.
    Internal,
    /// 503 while the database is not available.
    DatabaseUnavailable,
    /// 503 for a request that took too long.
    TimedOut,
}

impl Failure {
    /// The status it is answered with.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Host => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(error) => error.status(),
            Self::RateLimited(_) | Self::AccountBusy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::DatabaseUnavailable | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// `Retry-After`, where trying again may help.
    fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::RateLimited(wait) | Self::AccountBusy(wait) => Some(retry_after(*wait)),
            Self::DatabaseUnavailable | Self::TimedOut => Some(retry_unavailable()),
            _ => None,
        }
    }
}

/// `Retry-After` in whole seconds, rather one more.
pub fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_millis().div_ceil(1000).clamp(1, 60) as u64)
}

/// `Retry-After` while something is not available.
pub fn retry_unavailable() -> HeaderValue {
    retry_after(RETRY_UNAVAILABLE)
}

/// An outage is the client's to wait for. Anything else is ours to mend: it is logged, and the response says nothing of
/// it.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let unavailable = error.is_unavailable();
        let error = &error as &dyn std::error::Error;
        if unavailable {
            tracing::warn!(error, "request failed: the database is not available");
            Self::DatabaseUnavailable
        } else {
            tracing::error!(error, "request failed");
            Self::Internal
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some(wait) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        response.extensions_mut().insert(self);
        response
    }
}
