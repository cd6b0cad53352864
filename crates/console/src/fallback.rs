//! Paths that are no route: people get a page, programs a problem. The root and a slash too many lead to the list.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use pages::{LIST, see_other};
use tower::ServiceExt;
use web::{Failure, Guard, guard};

/// Responds to every path that is no route.
#[derive(Clone)]
pub(crate) struct Fallback {
    base_path: Arc<str>,
    to_list: MethodRouter,
    for_programs: MethodRouter,
    for_people: MethodRouter,
}

impl Fallback {
    /// Of routes with these guards.
    pub(crate) fn new(base_path: &str, api: &Guard, pages: &Guard) -> Self {
        let list = format!("{base_path}{LIST}");
        Self {
            base_path: base_path.into(),
            to_list: guarded(any(async move || see_other(&list)), api),
            for_programs: guarded(any(async || Failure::NotFound), api),
            for_people: guarded(any(async || Failure::NotFound), pages),
        }
    }

    /// The response for this request.
    pub(crate) async fn respond(&self, request: Request) -> Response {
        let handler = self.handler(&request).clone();
        let Ok(response) = handler.oneshot(request).await;
        response
    }

    fn handler(&self, request: &Request) -> &MethodRouter {
        // What is not below the base path belongs to somebody else.
        let below = request.uri().path().strip_prefix(&*self.base_path);
        if below.is_some_and(leads_to_list) {
            &self.to_list
        } else if accepts_html(request) || below.is_some_and(|below| below.starts_with(LIST)) {
            &self.for_people
        } else {
            &self.for_programs
        }
    }
}

fn guarded(handler: MethodRouter, surroundings: &Guard) -> MethodRouter {
    handler.layer(from_fn_with_state(surroundings.unmatched(), guard))
}

fn leads_to_list(below: &str) -> bool {
    matches!(below, "" | "/" | "/settings" | "/settings/integrations") || below.strip_suffix('/') == Some(LIST)
}

fn accepts_html(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}
