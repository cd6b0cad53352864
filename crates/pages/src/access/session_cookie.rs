//! The cookie that names a session, and when sessions end.

use std::time::Duration;

use store::sessions::{SessionLimits, SessionRules};
use web::Cookie;

use crate::settings::PageSettings;

/// When people have to sign in again.
pub const SESSION_LIMITS: SessionLimits = SessionLimits {
    idle: Duration::from_secs(30 * 60),
    absolute: Duration::from_secs(12 * 60 * 60),
};

/// With TLS the name has a prefix (RFC 6265bis §4.1.3) which makes browsers refuse a cookie of that name from anybody
/// who could not have set it properly. `__Host-` demands the path `/`.
pub(crate) fn session_cookie(base_path: &str, settings: &PageSettings) -> Cookie {
    let secure = settings.public_url.scheme() == "https";
    let name = match (secure, base_path.is_empty()) {
        (true, true) => "__Host-webhooks_session",
        (true, false) => "__Secure-webhooks_session",
        (false, _) => "webhooks_session",
    };
    // In a frame of another site, browsers send only such a cookie, and keep one for each site that frames us.
    let framed = secure && !settings.frame_ancestors.is_empty();
    let same_site = if framed { "None; Partitioned" } else { "Lax" };
    let path = if base_path.is_empty() { "/" } else { base_path };
    Cookie::new(name, path, same_site, secure)
}

/// Which sessions are valid under these settings.
pub(crate) fn session_rules(settings: &PageSettings) -> SessionRules {
    let vouchers = settings.identity_provider.as_ref().map(|provider| provider.vouchers());
    SessionRules {
        limits: SESSION_LIMITS,
        vouchers: vouchers.unwrap_or_default(),
    }
}
