//! Reading a request's body: of an accepted type, not too long, not too slow.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::problem::Problem;

/// A body has at most so many bytes; the longest sensible one has a few kilobytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// A body is there within this time, from the request's head on.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a `POST` takes.
pub(crate) const JSON: &[&str] = &["application/json"];
/// What a `PATCH` takes: RFC 7396, by its own name or as plain JSON.
pub(crate) const MERGE_PATCH: &[&str] = &["application/json", "application/merge-patch+json"];

/// The body of a request that sends one of `media_types`.
///
/// # Errors
/// 400, 408, 413 or 415.
pub(crate) async fn read(request: Request, media_types: &[&str]) -> Result<Bytes, Problem> {
    if !is_accepted(request.headers(), media_types) {
        return Err(Problem::unsupported_media_type("Send JSON in UTF-8, as `Content-Type: application/json`"));
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Problem::unsupported_media_type("Send the body without a `Content-Encoding`"));
    }
    if announced_bytes(request.headers()).is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
        return Err(Problem::content_too_large(MAX_BODY_BYTES));
    }
    timeout(BODY_TIMEOUT, collect(request.into_body())).await.unwrap_or_else(|_| Err(Problem::request_timeout()))
}

async fn collect(body: Body) -> Result<Bytes, Problem> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::content_too_large(MAX_BODY_BYTES)),
        Err(_) => Err(Problem::bad_request("The body broke off, or is not framed as HTTP asks")),
    }
}

/// Whether the one `Content-Type` is an accepted one, in UTF-8 if it names a character set.
fn is_accepted(headers: &HeaderMap, media_types: &[&str]) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(given)), None) = (types.next().map(|header| header.to_str()), types.next()) else { return false };
    let (essence, parameters) = given.split_once(';').unwrap_or((given, ""));
    let charset = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    media_types.iter().any(|accepted| essence.trim().eq_ignore_ascii_case(accepted))
        && charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepted(content_types: &[&'static str], media_types: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for content_type in content_types {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        is_accepted(&headers, media_types)
    }

    #[test]
    fn json_in_utf_8_is_accepted() {
        for good in ["application/json", "Application/JSON; charset=\"UTF-8\"", "application/json;x=y ; charset=utf-8"] {
            assert!(accepted(&[good], JSON), "{good}");
        }
        assert!(accepted(&["application/merge-patch+json"], MERGE_PATCH));
    }

    #[test]
    fn anything_else_is_not() {
        for bad in ["", "text/plain", "application/json; charset=utf-16", "application/jsonx", "application/merge-patch+json"] {
            assert!(!accepted(&[bad], JSON), "{bad}");
        }
        assert!(!accepted(&[], JSON));
        assert!(!accepted(&["application/json", "application/json"], JSON));
    }
}
