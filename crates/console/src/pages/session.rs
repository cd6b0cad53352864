//! Who looks at a page: the session that its cookie names.
//!
//! As in the API, a handler that asks for one of these has an account to query with; one that does not has none.

use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use store::bearer::Bearer;
use store::sessions::{Session, SessionKey, SessionLimits};
use store::tokens::Role;

use super::failure::PageError;
use super::state::PageState;
use crate::problem::Problem;

/// When people have to sign in again.
pub(super) const LIMITS: SessionLimits =
    SessionLimits { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(12 * 60 * 60) };

/// Sent by the script when it refreshes a page on its own.
const REFRESH: &str = "x-refresh";

/// Somebody who has signed in.
pub(super) struct SignedIn {
    /// As whom.
    pub(super) bearer: Bearer,
    /// What to call them: what their token is for, or who they are in the CRM. May be empty.
    pub(super) name: String,
    /// What every form of this session carries.
    pub(super) form_token: String,
    /// The session.
    pub(super) key: SessionKey,
}

impl SignedIn {
    /// Whether they may change things, and see secrets.
    pub(super) fn is_admin(&self) -> bool {
        self.bearer.role == Role::Admin
    }

    /// 403 for a viewer.
    pub(super) fn admins_only(&self) -> Result<(), PageError> {
        if self.is_admin() { Ok(()) } else { Err(PageError::viewer()) }
    }
}

impl FromRequestParts<PageState> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, PageError> {
        let wanted = || {
            // What was posted is lost; the page it came from is not known to exist.
            let path = (parts.method == Method::GET).then(|| parts.uri.path_and_query().map(ToString::to_string));
            PageError::NotSignedIn(state.sign_in_url(path.flatten().as_deref()))
        };
        let key = state.cookie.read(&parts.headers).ok_or_else(wanted)?;
        let session = state.api.database.session(&key, LIMITS, !is_refresh(&parts.headers)).await?;
        let Session { bearer, name } = session.ok_or_else(wanted)?;
        state.api.request_limit.admit(Instant::now(), bearer.key()).map_err(Problem::too_many_requests)?;
        Ok(Self { bearer, name, form_token: key.derive("form token"), key })
    }
}

/// A page that refreshes itself must not keep a session going for somebody who has left.
fn is_refresh(headers: &HeaderMap) -> bool {
    headers.contains_key(REFRESH)
}
