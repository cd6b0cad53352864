//! Headers that keep browsers from storing, guessing, framing or running what they should not.

use std::sync::Arc;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::Origin;
use url::Url;

/// RFC 6797, for a year. Of the console's host alone: what else its domain serves, it cannot know.
const STRICT_TRANSPORT_SECURITY_VALUE: HeaderValue = HeaderValue::from_static("max-age=31536000");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// What no page of ours asks a browser for.
const NO_PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), publickey-credentials-get=(), usb=()",
);
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// What every response of a group of routes has.
#[derive(Debug, Clone)]
pub struct SafeHeaders(Arc<[(HeaderName, HeaderValue)]>);

impl SafeHeaders {
    /// For the API. Responses hold customers' data and are no pages: nothing may store, guess, frame or run them.
    pub fn of_api(public_url: &Url) -> Self {
        let mut headers = common(public_url);
        headers.extend([
            (
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
            ),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN),
        ]);
        Self(headers.into())
    }

    /// For pages that `frame_ancestors` may show in a frame. Without a referrer from page to page, browsers would not say
    /// where a form comes from. The two headers that know no list of origins are left out where there is such a list.
    pub fn of_pages(public_url: &Url, frame_ancestors: &[Origin]) -> Self {
        let mut headers = common(public_url);
        headers.extend([
            (CONTENT_SECURITY_POLICY, page_policy(frame_ancestors)),
            (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        ]);
        if frame_ancestors.is_empty() {
            headers.push((X_FRAME_OPTIONS, HeaderValue::from_static("DENY")));
            headers.push((CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN));
        }
        Self(headers.into())
    }

    /// Adds them. A handler that has set one of the headers knows better.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in self.0.iter() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn common(public_url: &Url) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (PERMISSIONS_POLICY, NO_PERMISSIONS),
        (CROSS_ORIGIN_OPENER_POLICY, SAME_ORIGIN),
    ];
    if public_url.scheme() == "https" {
        headers.push((STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY_VALUE));
    }
    headers
}

/// Pages use nothing but our own stylesheet, script and images in their text, send forms to us alone, and stand in
/// nobody's frame but these.
fn page_policy(frame_ancestors: &[Origin]) -> HeaderValue {
    let mut ancestors: Vec<_> = frame_ancestors.iter().map(Origin::as_str).collect();
    if ancestors.is_empty() {
        ancestors.push("'none'");
    }
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors {}",
        ancestors.join(" ")
    );
    HeaderValue::try_from(policy).expect("an origin is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(public_url: &str, frame_ancestors: &[&str]) -> (SafeHeaders, SafeHeaders) {
        let public_url = public_url.parse().unwrap();
        let frame_ancestors: Vec<_> = frame_ancestors.iter().map(|origin| origin.parse().unwrap()).collect();
        (
            SafeHeaders::of_api(&public_url),
            SafeHeaders::of_pages(&public_url, &frame_ancestors),
        )
    }

    fn value(headers: &SafeHeaders, name: &str) -> Option<String> {
        headers
            .0
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn browsers_are_told_to_stay_with_tls_where_there_is_any() {
        for (public_url, expected) in [
            ("https://crm.example.com", Some("max-age=31536000".to_owned())),
            ("http://127.0.0.1:8080", None),
        ] {
            let (api, pages) = headers(public_url, &[]);
            for headers in [api, pages] {
                assert_eq!(value(&headers, "strict-transport-security"), expected);
                assert_eq!(
                    value(&headers, "cross-origin-opener-policy").as_deref(),
                    Some("same-origin")
                );
                assert_eq!(
                    value(&headers, "cross-origin-resource-policy").as_deref(),
                    Some("same-origin")
                );
                assert_eq!(value(&headers, "x-frame-options").as_deref(), Some("DENY"));
                assert!(value(&headers, "permissions-policy").unwrap().contains("camera=()"));
            }
        }
    }

    #[test]
    fn what_may_stand_in_a_frame_is_not_forbidden_to_by_an_older_header() {
        let (api, pages) = headers("https://webhooks.example.com", &["https://crm.example.com"]);
        assert_eq!(
            (
                value(&pages, "x-frame-options"),
                value(&pages, "cross-origin-resource-policy")
            ),
            (None, None)
        );
        let policy = value(&pages, "content-security-policy").unwrap();
        assert!(policy.ends_with("frame-ancestors https://crm.example.com"));
        assert_eq!(
            value(&api, "x-frame-options").as_deref(),
            Some("DENY"),
            "the API is nobody's page"
        );
    }
}
