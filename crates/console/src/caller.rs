//! Who calls: the bearer of an API token (RFC 6750), which fixes the account and the role.
//!
//! A handler that asks for one of these has an account to query with; one that does not has none, so that no route can
//! forget to ask.

use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use store::bearer::Bearer;
use store::tokens::Role;

use crate::problem::Problem;
use crate::state::ApiState;

const CHALLENGE: &str = "Bearer realm=\"EasyCRM Webhooks\"";
const INVALID_TOKEN: &str = "Bearer realm=\"EasyCRM Webhooks\", error=\"invalid_token\"";

/// The bearer of any valid token that has a request left.
pub(crate) struct Reader(pub(crate) Bearer);

/// The bearer of a token that may change things.
pub(crate) struct Editor(pub(crate) Bearer);

impl FromRequestParts<ApiState> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let none = "Send a token as `Authorization: Bearer <token>`";
        let token = token(&parts.headers).ok_or_else(|| Problem::unauthorized(none, CHALLENGE))?;
        let bearer = state.database.bearer(token).await?;
        let unknown = "The token is not known, or has been revoked";
        let bearer = bearer.ok_or_else(|| Problem::unauthorized(unknown, INVALID_TOKEN))?;
        state.request_limit.admit(Instant::now(), bearer.key()).map_err(Problem::too_many_requests)?;
        Ok(Self(bearer))
    }
}

impl FromRequestParts<ApiState> for Editor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Reader(bearer) = Reader::from_request_parts(parts, state).await?;
        match bearer.role {
            Role::Admin => Ok(Self(bearer)),
            Role::Viewer => Err(Problem::forbidden()),
        }
    }
}

/// The token of the one `Authorization` header; of two, neither can be trusted.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
}
