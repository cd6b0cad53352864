//! Whether a form was sent from one of our own pages, as far as the browser says.
//!
//! This comes on top of the token in every form. Programs that are no browsers send neither header, and hold no cookie
//! that somebody else could abuse.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use domain::Origin;
use domain::sso::IdentityProvider;
use url::Url;

use crate::settings::PageSettings;

/// The decision. `Sec-Fetch-Site` says it outright; browsers send it over TLS and on the loopback. Otherwise the page's
/// origin has to be the public one, or that of the host which the browser asked.
pub(super) fn is_own(headers: &HeaderMap, public_url: &Url) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or_default())
    };
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        return true;
    };
    let Ok(origin) = Url::parse(origin) else { return false };
    let asked = text(HOST.as_str()).and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok());
    origin.origin() == public_url.origin() || asked.is_some_and(|asked| asked.origin() == origin.origin())
}

/// Whether an SSO token was sent from a page of the CRM: of the issuer, if that is a URL, of those that may frame the
/// console, or of the console itself. Programs that are no browsers say nothing.
pub(super) fn may_send_sso_token(headers: &HeaderMap, settings: &PageSettings, provider: &IdentityProvider) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    let crm = settings
        .frame_ancestors
        .iter()
        .map(Origin::as_str)
        .chain([provider.issuer.as_str()]);
    let mut trusted = crm
        .filter_map(|text| Url::parse(text).ok())
        .chain([settings.public_url.clone()]);
    origin.origin().is_tuple() && trusted.any(|trusted| trusted.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn own(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", "127.0.0.1:8080")].iter().chain(pairs) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_own(&headers, &"https://crm.example.com".parse().unwrap())
    }

    #[test]
    fn our_pages() {
        assert!(own(&[]));
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(own(&[("sec-fetch-site", "none")]));
        assert!(own(&[("origin", "https://crm.example.com")]));
        assert!(own(&[("origin", "http://127.0.0.1:8080")]));
    }

    #[test]
    fn others() {
        assert!(!own(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://crm.example.com")
        ]));
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        for origin in [
            "null",
            "https://evil.example",
            "http://crm.example.com",
            "http://127.0.0.1:8081",
            "",
        ] {
            assert!(!own(&[("origin", origin)]), "{origin}");
        }
    }
}
