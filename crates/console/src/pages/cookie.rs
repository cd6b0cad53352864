//! The cookie that names a session.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use store::sessions::SessionKey;

use crate::state::ApiState;

/// How the cookie is called and where browsers send it.
#[derive(Debug, Clone)]
pub(super) struct SessionCookie {
    name: &'static str,
    /// Everything after the value.
    attributes: String,
}

impl SessionCookie {
    /// With TLS the name has a prefix (RFC 6265bis §4.1.3) which makes browsers refuse a cookie of that name from anybody
    /// who could not have set it properly. `__Host-` demands the path `/`.
    pub(super) fn new(state: &ApiState) -> Self {
        let secure = state.console.public_url.scheme() == "https";
        let name = match (secure, state.base_path.is_empty()) {
            (true, true) => "__Host-webhooks_session",
            (true, false) => "__Secure-webhooks_session",
            (false, _) => "webhooks_session",
        };
        // In a frame of another site, browsers send only such a cookie, and keep one for each site that frames us.
        let framed = secure && !state.console.frame_ancestors.is_empty();
        let same_site = if framed { "None; Partitioned" } else { "Lax" };
        let path = if state.base_path.is_empty() { "/" } else { &state.base_path };
        let secure = if secure { "; Secure" } else { "" };
        Self { name, attributes: format!("; Path={path}; HttpOnly; SameSite={same_site}{secure}") }
    }

    /// The key that the browser sent; of several cookies of this name none can be trusted.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<SessionKey> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let pairs = cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        SessionKey::parse(value)
    }

    /// `Set-Cookie` for a new session. The browser forgets it when it is closed.
    pub(super) fn set(&self, key: &SessionKey) -> HeaderValue {
        self.header(&key.expose(), "")
    }

    /// `Set-Cookie` that makes the browser forget it.
    pub(super) fn clear(&self) -> HeaderValue {
        self.header("", "; Max-Age=0")
    }

    fn header(&self, value: &str, more: &str) -> HeaderValue {
        let header = format!("{}={value}{}{more}", self.name, self.attributes);
        let mut header = HeaderValue::try_from(header).expect("a base path and base64 are visible ASCII");
        header.set_sensitive(true);
        header
    }
}
