//! Signing in with an API token, and signing out.

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use web::{AuthFailure, Refusal};

use super::session::session_key;
use super::submission::{Fields, Submission};
use crate::assets;
use crate::error::{PageError, see_other};
use crate::page_query::PageQuery;
use crate::state::PageState;
use crate::view::layout::page;

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
        let next = next
            .and_then(|next| state.local_path(next))
            .unwrap_or_default()
            .to_owned();
        let base = state.base_path.clone();
        let by_crm = state.settings.identity_provider.is_some();
        Self {
            base,
            style: assets::style(),
            script: assets::script(),
            next,
            error: None,
            signed_out: false,
            by_crm,
        }
    }
}

/// `GET /sign-in`
pub(crate) async fn show(State(state): State<PageState>, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    let signed_out = query.get("done") == Some("signed-out");
    page(
        StatusCode::OK,
        &SignInPage {
            signed_out,
            ..SignInPage::new(&state, query.get("next"))
        },
    )
}

/// `POST /sign-in`: a token for a session. The session that the browser had before ends.
pub(crate) async fn sign_in(State(state): State<PageState>, request: Request) -> Result<Response, PageError> {
    let headers = request.headers().clone();
    let fields = Fields::read(request, &state).await?;
    let refuse = |status, error| {
        page(
            status,
            &SignInPage {
                error: Some(error),
                ..SignInPage::new(&state, fields.get("next"))
            },
        )
    };
    let token = fields.text("token").trim();
    if token.is_empty() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "Paste an API token");
    }
    let bearer = match state.database().bearer(token).await? {
        Ok(bearer) => bearer,
        // After the look, not before it: those who guess must not keep out those who know.
        Err(reason) => {
            let (status, sentence, reason) = if state.failed_sign_ins.check().is_ok() {
                let unknown = "This token is not known, has expired, or has been revoked";
                (StatusCode::UNPROCESSABLE_ENTITY, unknown, reason.into())
            } else {
                let wait = "Too many failed attempts. Wait a minute, then try again.";
                (StatusCode::TOO_MANY_REQUESTS, wait, AuthFailure::TooManyAttempts)
            };
            let mut response = refuse(status, sentence)?;
            response
                .extensions_mut()
                .insert(Refusal::from(reason).with_token(token));
            return Ok(response);
        }
    };
    state.limits.charge(&bearer)?;
    end_session(&state, &headers).await?;
    let key = state.database().start_session(&bearer).await?;
    tracing::info!(account = %bearer.account, by = %bearer.who, "signed in to the console");
    let root = state.root();
    let next = fields
        .get("next")
        .and_then(|next| state.local_path(next))
        .unwrap_or(&root);
    Ok(([(SET_COOKIE, state.cookie.set(&key.expose()))], see_other(next)).into_response())
}

/// `POST /sign-out`
pub(crate) async fn sign_out(State(state): State<PageState>, submission: Submission) -> Result<Response, PageError> {
    state
        .database()
        .sign_out(&submission.by.bearer, &submission.by.key)
        .await?;
    let sign_in = format!("{}?done=signed-out", state.sign_in_url(None));
    Ok(([(SET_COOKIE, state.cookie.clear())], see_other(&sign_in)).into_response())
}

/// Ends the session that the browser had, if it had one.
pub(super) async fn end_session(state: &PageState, headers: &HeaderMap) -> Result<(), PageError> {
    match session_key(headers, state) {
        Some(key) => Ok(state.database().end_session(&key).await?),
        None => Ok(()),
    }
}
