//! Error pages, which the edge's failures become.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use uuid::Uuid;
use web::{Failure, Surface};

use crate::assets;
use crate::error::ErrorText;
use crate::paths::LIST;

/// The edge's view of the pages.
#[derive(Debug, Clone)]
pub struct PageSurface {
    /// The path of the list.
    root: String,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    text: ErrorText,
    request: Uuid,
    is_ours: bool,
    root: &'a str,
    style: &'static str,
}

impl PageSurface {
    /// Of the pages below this base path.
    pub fn new(base_path: &str) -> Self {
        Self {
            root: format!("{base_path}{LIST}"),
        }
    }

    fn error_page(&self, text: ErrorText, status: StatusCode, request: Uuid) -> Option<String> {
        let is_ours = status.is_server_error();
        let page = ErrorPage {
            text,
            request,
            is_ours,
            root: &self.root,
            style: assets::style(),
        };
        page.render().ok()
    }
}

impl Surface for PageSurface {
    fn complete(&self, mut response: Response, request: Uuid) -> Response {
        let extensions = response.extensions_mut();
        let failure = extensions.remove::<Failure>();
        let text = failure
            .as_ref()
            .map(ErrorText::from)
            .or_else(|| extensions.remove::<ErrorText>());
        let page = text.and_then(|text| self.error_page(text, response.status(), request));
        let Some(page) = page else { return response };
        let mut shown = (response.status(), Html(page)).into_response();
        for (name, value) in response.headers() {
            shown.headers_mut().insert(name, value.clone());
        }
        shown
    }
}
