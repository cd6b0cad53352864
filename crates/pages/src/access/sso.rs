//! Single sign-on: the CRM vouches for a person by an SSO token (a JWT), in a form that a page of the CRM sends or in a
//! header that its proxy adds. It never stands in an address, where logs and histories would keep it.

use axum::extract::{RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use domain::sso::{IdentityProvider, Refusal};

use web::bearer_token;

use super::origin;
use super::sign_in::end_session;
use super::submission::Fields;
use crate::error::{PageError, see_other};
use crate::page_query::PageQuery;
use crate::state::PageState;

const EXPIRED: &str = "The sign-in link has expired. Open the page again from your CRM.";
const USED: &str = "The sign-in link has been used already. Open the page again from your CRM.";
const MISSING: &str = "The sign-in link has no token. Open the page again from your CRM.";
const NO_ROLE: &str = "The sign-in link of your CRM names no valid account and role. Ask the administrator of the CRM.";
const INVALID: &str = "Your CRM could not sign you in here. Open the page again from there; if that does not help, tell \
                       its administrator.";

/// `POST /sso`: the token in the field `token`, and where to go in `next`. The one form that other origins may send:
/// the CRM's, and no others.
///
/// It needs no cookie, so nobody's session can be abused by it. But any page could sign somebody in with a token of its
/// author's own, who then sees what they type (login CSRF): so browsers, which say where a form comes from, must say
/// the CRM.
pub(crate) async fn by_form(State(state): State<PageState>, request: Request) -> Result<Response, PageError> {
    let provider = provider(&state)?;
    let headers = request.headers().clone();
    if !origin::may_send_sso_token(&headers, &state.settings, provider) {
        let origin = headers.get(ORIGIN);
        let reason = format!("its page ({origin:?}) is neither of sso.issuer nor of http.frame_ancestors");
        return Err(PageError::sso_token(INVALID, reason));
    }
    let fields = Fields::read_from_anywhere(request).await?;
    let token = fields.get("token").map(str::trim).filter(|token| !token.is_empty());
    exchange(&state, provider, &headers, token, fields.get("next")).await
}

/// `GET /sso?next=…`: the token as the bearer token that a proxy adds. No page of another origin can.
pub(crate) async fn by_header(
    State(state): State<PageState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let query = PageQuery::parse(query.as_deref());
    exchange(
        &state,
        provider(&state)?,
        &headers,
        bearer_token(&headers),
        query.get("next"),
    )
    .await
}

/// 404 where nobody may vouch for anybody.
fn provider(state: &PageState) -> Result<&IdentityProvider, PageError> {
    state
        .settings
        .identity_provider
        .as_deref()
        .ok_or_else(PageError::not_found)
}

/// A token for a session. The session that the browser had before ends.
async fn exchange(
    state: &PageState,
    provider: &IdentityProvider,
    headers: &HeaderMap,
    token: Option<&str>,
    next: Option<&str>,
) -> Result<Response, PageError> {
    let token = token.ok_or_else(|| PageError::sso_token(MISSING, "the request has no token"))?;
    let token = provider.check(token, state.database().clock().now()).map_err(refused)?;
    let database = state.database();
    let account = &token.account;
    let subject = &token.subject;
    let Some(key) = database.start_session_by_sso_token(&token).await? else {
        return Err(PageError::sso_token(
            USED,
            format!("it was used before, by {subject:?} of {account}"),
        ));
    };
    end_session(state, headers).await?;
    tracing::info!(%account, ?subject, role = %token.role, "signed in to the console through the CRM");
    let root = state.root();
    let next = next.and_then(|next| state.local_path(next)).unwrap_or(&root);
    Ok(([(SET_COOKIE, state.cookie.set(&key.expose()))], see_other(next)).into_response())
}

/// People learn what they can do; why it is, is for the log.
fn refused(refusal: Refusal) -> PageError {
    let sentence = match refusal {
        Refusal::Expired => EXPIRED,
        Refusal::Claim("account" | "role") => NO_ROLE,
        _ => INVALID,
    };
    PageError::sso_token(sentence, refusal)
}
