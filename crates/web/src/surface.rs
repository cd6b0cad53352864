//! What tells the API from the pages at the edge.

use std::sync::Arc;

use axum::response::Response;
use uuid::Uuid;

/// The clients of a group of routes. Programs get a problem document, people an error page.
pub trait Surface: Send + Sync + 'static {
    /// Completes a response that leaves: one with a [`Failure`](crate::Failure), or an extension of the surface's own,
    /// gets its body here. `request` is the request's id in the log.
    fn complete(&self, response: Response, request: Uuid) -> Response;
}

/// What a request is counted and logged as.
#[derive(Debug, Clone)]
pub enum RouteLabel {
    /// The matched route's template, without the base path.
    Template {
        /// What stands before every route; may be empty.
        base_path: Arc<str>,
    },
    /// The same for all routes of a group.
    Fixed(&'static str),
}
