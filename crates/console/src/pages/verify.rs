//! "How to verify": what a webhook's receiver has to do with the signature, as code.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;

use super::failure::PageError;
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::state::PageState;
use crate::path_id::PathId;

/// In the languages that receivers are written in. A test runs what can be run.
const SAMPLES: [(&str, &str); 5] = [
    ("Python", include_str!("../../samples/verify.py")),
    ("Node", include_str!("../../samples/verify.mjs")),
    ("Go", include_str!("../../samples/verify.go")),
    ("PHP", include_str!("../../samples/verify.php")),
    ("Rust", include_str!("../../samples/verify.rs")),
];

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    shell: Shell,
    id: WebhookId,
    name: String,
    url: String,
    samples: [(&'static str, &'static str); 5],
}

/// `GET …/{id}/verify`
pub(super) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer, id).await?;
    let shell = state.shell(&viewer).await?;
    let shown = VerifyPage { shell, id, name: webhook.name, url: webhook.url, samples: SAMPLES };
    page(StatusCode::OK, &shown)
}
