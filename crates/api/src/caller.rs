//! Who calls: the bearer of an API token (RFC 6750), which fixes the account and the role. A service token fixes the role
//! only, and the header `X-Account` names the account.
//!
//! A handler that asks for one of these has an account to query with; one that does not has none, so that no route can
//! forget to ask. Each request is charged to its caller's rate limit ([`CallerLimits`](web::CallerLimits)).

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use store::Database;
use store::bearer::Bearer;
use store::tokens::{Role, TokenRefusal};
use web::{AuthFailure, Refusal, bearer_token};

use crate::problem::Problem;
use crate::state::ApiState;

const CHALLENGE: &str = "Bearer realm=\"EasyCRM Webhooks\"";
const INVALID_TOKEN: &str = "Bearer realm=\"EasyCRM Webhooks\", error=\"invalid_token\"";

/// Names the account that a service token acts for.
pub(crate) const X_ACCOUNT: &str = "x-account";

/// The bearer of any valid token that has a request left.
pub(crate) struct RequireViewer(pub(crate) Bearer);

/// The bearer of a token that may change things.
pub(crate) struct RequireAdmin(pub(crate) Bearer);

impl FromRequestParts<ApiState> for RequireViewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = authenticate(&state.admin.database, &parts.headers).await?;
        state.limits.admit(&parts.extensions, &caller).await?;
        Ok(Self(caller))
    }
}

impl FromRequestParts<ApiState> for RequireAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let RequireViewer(caller) = RequireViewer::from_request_parts(parts, state).await?;
        match caller.role {
            Role::Admin => Ok(Self(caller)),
            Role::Viewer => {
                let refusal = Refusal::from(AuthFailure::Role).with_detail(format!("{} is a viewer", caller.who));
                Err(Problem::forbidden(refusal))
            }
        }
    }
}

async fn authenticate(database: &Database, headers: &HeaderMap) -> Result<Bearer, Problem> {
    let none = "Send a token as `Authorization: Bearer <token>`";
    let missing = || Problem::unauthorized(AuthFailure::MissingToken.into(), none, CHALLENGE);
    let token = bearer_token(headers).ok_or_else(missing)?;
    let unknown = "The token is not known, has expired, or has been revoked";
    let refused = |reason: TokenRefusal| {
        let refusal = Refusal::from(AuthFailure::from(reason)).with_token(token);
        Problem::unauthorized(refusal, unknown, INVALID_TOKEN)
    };
    let credential = database.credential(token).await?.map_err(refused)?;
    Ok(credential.acting_for(named_account(headers))?)
}

/// The account that the request names. Of several headers, or one that is no text, an empty name, which no account has.
fn named_account(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(X_ACCOUNT).iter();
    let first = values.next()?;
    Some(match values.next() {
        None => first.to_str().unwrap_or_default(),
        Some(_) => "",
    })
}
