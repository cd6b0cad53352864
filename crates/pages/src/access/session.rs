//! Who looks at a page: the session that its cookie names.
//!
//! As in the API, a handler that asks for one of these has an account to query with; one that does not has none.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use store::bearer::Bearer;
use store::sessions::{Session, SessionKey};
use store::tokens::Role;

use crate::error::PageError;
use crate::state::PageState;

/// Sent by the script when it refreshes a page on its own.
const REFRESH: &str = "x-refresh";

/// Somebody who has signed in.
pub(crate) struct SignedIn {
    /// The principal.
    pub(crate) bearer: Bearer,
    /// What to call them: what their token is for, or who they are in the CRM. May be empty.
    pub(crate) name: String,
    /// What every form of this session carries.
    pub(crate) form_token: String,
    /// The session.
    pub(crate) key: SessionKey,
}

impl SignedIn {
    /// Whether they may change things, and see secrets.
    pub(crate) fn is_admin(&self) -> bool {
        self.bearer.role == Role::Admin
    }

    /// 403 for a viewer.
    pub(crate) fn admins_only(&self) -> Result<(), PageError> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(PageError::viewer())
        }
    }
}

impl FromRequestParts<PageState> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, PageError> {
        let viewer = authenticate(parts, state).await?;
        state.limits.admit(&parts.extensions, &viewer.bearer).await?;
        Ok(viewer)
    }
}

/// Whose session the cookie names.
async fn authenticate(parts: &Parts, state: &PageState) -> Result<SignedIn, PageError> {
    let not_signed_in = || {
        // What was posted is lost; the page it came from is not known to exist.
        let path = (parts.method == Method::GET).then(|| parts.uri.path_and_query().map(ToString::to_string));
        PageError::NotSignedIn(state.sign_in_url(path.flatten().as_deref()))
    };
    let key = session_key(&parts.headers, state).ok_or_else(not_signed_in)?;
    let keeps_going = !is_refresh(&parts.headers);
    let session = state
        .database()
        .session(&key, &state.session_rules, keeps_going)
        .await?;
    let Session { bearer, name } = session.ok_or_else(not_signed_in)?;
    Ok(SignedIn {
        bearer,
        name,
        form_token: key.derive("form token"),
        key,
    })
}

/// The key in the session's cookie.
pub(super) fn session_key(headers: &HeaderMap, state: &PageState) -> Option<SessionKey> {
    state.cookie.read(headers).and_then(SessionKey::parse)
}

/// A page that refreshes itself must not keep a session going for somebody who has left.
fn is_refresh(headers: &HeaderMap) -> bool {
    headers.contains_key(REFRESH)
}
