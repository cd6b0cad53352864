//! The token of `Authorization: Bearer` (RFC 6750).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// The token of the one `Authorization` header; of two, neither can be trusted.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return None;
    };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
}
