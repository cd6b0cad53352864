//! A webhook's page.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::WebhookId;
use web::PathId;

use crate::access::session::SignedIn;
use crate::error::PageError;
use crate::page_query::PageQuery;
use crate::state::PageState;
use crate::view::chart;
use crate::view::webhook_page::{self, Extras};

/// `GET …/{id}`
pub(crate) async fn show(
    State(state): State<PageState>,
    viewer: SignedIn,
    PathId(id): PathId<WebhookId>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let window = query.read("window", chart::window)?;
    let done = query.get("done").map(str::to_owned);
    let extras = Extras {
        window,
        done,
        ..Extras::default()
    };
    webhook_page::respond(&state, &viewer, id, StatusCode::OK, extras).await
}
