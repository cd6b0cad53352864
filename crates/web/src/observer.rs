//! Telling of every answered request.

use std::time::Duration;

use axum::http::{Method, StatusCode};

use crate::auth_failure::AuthFailure;

/// Observes every answered request.
pub trait RequestObserver: Send + Sync + 'static {
    /// Called once for each response, when its head is ready to be sent. Must not block.
    fn served(&self, request: &ServedRequest<'_>);

    /// Called once for each request that failed authentication or authorization. Must not block.
    fn refused(&self, reason: AuthFailure);
}

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedRequest<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its [`RouteLabel`](crate::RouteLabel); `unmatched` if no route matched.
    pub route: &'a str,
    /// The response's status.
    pub status: StatusCode,
    /// From the request's head to the response's.
    pub duration: Duration,
}
