//! Signing in with an API token, and signing out.

use std::time::Instant;

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::assets;
use super::failure::{PageError, see_other};
use super::page_query::PageQuery;
use super::session::LIMITS;
use super::shell::page;
use super::state::PageState;
use super::submission::{Fields, Submission};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    base: String,
    style: &'static str,
    script: &'static str,
    next: String,
    error: Option<&'static str>,
    signed_out: bool,
    /// Whether a CRM may vouch for people, who then have no token.
    by_crm: bool,
}

impl SignInPage {
    fn new(state: &PageState, next: Option<&str>) -> Self {
        let next = next.and_then(|next| state.local_path(next)).unwrap_or_default().to_owned();
        let base = state.api.base_path.clone();
        let by_crm = state.api.console.identity_provider.is_some();
        Self { base, style: assets::style(), script: assets::script(), next, error: None, signed_out: false, by_crm }
    }
}

/// `GET /sign-in`
pub(super) async fn show(State(state): State<PageState>, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let signed_out = query.get("done") == Some("signed-out");
    page(StatusCode::OK, &SignInPage { signed_out, ..SignInPage::new(&state, query.get("next")) })
}

/// `POST /sign-in`: a token for a session. The session that the browser had before ends.
pub(super) async fn sign_in(State(state): State<PageState>, request: Request) -> Result<Response, PageError> {
    let headers = request.headers().clone();
    let fields = Fields::read(request, &state).await?;
    let refuse =
        |status, error| page(status, &SignInPage { error: Some(error), ..SignInPage::new(&state, fields.get("next")) });
    let token = fields.text("token").trim();
    if token.is_empty() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "Paste an API token");
    }
    let Some(bearer) = state.api.database.bearer(token).await? else {
        // After the look, not before it: those who guess must not keep out those who know.
        let now = Instant::now();
        if !state.sign_in_limit.allows(now) {
            return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many failed attempts. Wait a minute, then try again.");
        }
        state.sign_in_limit.failed(now);
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "This token is not known, or has been revoked");
    };
    end_session(&state, &headers).await?;
    let key = state.api.database.start_session(&bearer, LIMITS).await?;
    tracing::info!(account = %bearer.account, by = %bearer.who, "signed in to the console");
    let root = state.root();
    let next = fields.get("next").and_then(|next| state.local_path(next)).unwrap_or(&root);
    Ok(([(SET_COOKIE, state.cookie.set(&key))], see_other(next)).into_response())
}

/// `POST /sign-out`
pub(super) async fn sign_out(State(state): State<PageState>, submission: Submission) -> Result<Response, PageError> {
    state.api.database.end_session(&submission.by.key).await?;
    let sign_in = format!("{}?done=signed-out", state.sign_in_url(None));
    Ok(([(SET_COOKIE, state.cookie.clear())], see_other(&sign_in)).into_response())
}

/// Ends the session that the browser had, if it had one.
pub(super) async fn end_session(state: &PageState, headers: &HeaderMap) -> Result<(), PageError> {
    match state.cookie.read(headers) {
        Some(key) => Ok(state.api.database.end_session(&key).await?),
        None => Ok(()),
    }
}
