//! "How to verify": what a webhook's receiver has to do with the signature, as code.

use admin::shown_url;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use crate::access::session::SignedIn;
use crate::error::PageError;
use crate::state::PageState;
use crate::view::layout::{Layout, page};

/// In the languages that receivers are written in. A test runs what can be run.
const SAMPLES: [(&str, &str); 5] = [
    ("Python", include_str!("../samples/verify.py")),
    ("Node", include_str!("../samples/verify.mjs")),
    ("Go", include_str!("../samples/verify.go")),
    ("PHP", include_str!("../samples/verify.php")),
    ("Rust", include_str!("../samples/verify.rs")),
];

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    layout: Layout,
    id: WebhookId,
    name: String,
    url: String,
    egress_addresses: Vec<String>,
    samples: [(&'static str, &'static str); 5],
}

/// `GET …/{id}/verify`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, PageError> {
    let webhook = state.webhook(&viewer.bearer.account, id).await?;
    let layout = Layout::load(&state, &viewer).await?;
    let shown = VerifyPage {
        layout,
        id,
        name: webhook.name,
        url: shown_url(&webhook.url, viewer.bearer.role),
        egress_addresses: state.admin.egress_addresses.clone(),
        samples: SAMPLES,
    };
    page(StatusCode::OK, &shown)
}
