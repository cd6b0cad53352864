//! Reading a request's body: of an accepted media type, not too long, not too slow.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::timeout;

/// A body is there within this time, from the request's head on.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a longer body, so much more is read and thrown away, within this time.
const MAX_DISCARDED_BYTES: usize = 8 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a body is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is of no accepted media type, or not in UTF-8.
    #[error("the media type is not accepted")]
    MediaType,
    /// It is compressed, or otherwise encoded.
    #[error("the body has a content encoding")]
    Encoding,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// It has more bytes than this.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// It broke off, or is not framed as HTTP asks.
    #[error("the body ended early")]
    Broken,
}

impl BodyError {
    /// The status it is answered with.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MediaType | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// Whether there is no body, where it may be left out.
pub fn is_left_out(request: &Request) -> bool {
    request.body().is_end_stream() && !request.headers().contains_key(CONTENT_TYPE)
}

/// The body of a request that sends one of `media_types`, of at most `limit` bytes. No more than that is ever held.
///
/// # Errors
/// [`BodyError`].
pub async fn read(request: Request, limit: usize, media_types: &[&str]) -> Result<Vec<u8>, BodyError> {
    if !is_accepted(request.headers(), media_types) {
        return Err(BodyError::MediaType);
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(BodyError::Encoding);
    }
    timeout(BODY_TIMEOUT, collect(limit, request.into_body()))
        .await
        .unwrap_or(Err(BodyError::TimedOut))
}

async fn collect(limit: usize, mut body: Body) -> Result<Vec<u8>, BodyError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        // Anything else is a trailer, and of no interest.
        let Some(data) = frame.data_ref() else { continue };
        if whole.len() + data.len() > limit {
            // Whether it ends or not, the answer is the same.
            let _ = timeout(DISCARD_TIMEOUT, discard(body)).await;
            return Err(BodyError::TooLarge(limit));
        }
        whole.extend_from_slice(data);
    }
    Ok(whole)
}

/// A client that is still sending when its connection closes may never see the answer (RFC 9112 §9.6), so some more is
/// read and thrown away.
async fn discard(mut body: Body) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

/// Whether the one `Content-Type` is an accepted one, in UTF-8 if it names a character set.
fn is_accepted(headers: &HeaderMap, media_types: &[&str]) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(given)), None) = (types.next().map(|header| header.to_str()), types.next()) else {
        return false;
    };
    let (essence, parameters) = given.split_once(';').unwrap_or((given, ""));
    let charset = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find_map(|(name, value)| {
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"'))
        });
    media_types
        .iter()
        .any(|accepted| essence.trim().eq_ignore_ascii_case(accepted))
        && charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const JSON: &[&str] = &["application/json"];
    const MERGE_PATCH: &[&str] = &["application/json", "application/merge-patch+json"];

    fn accepted(content_types: &[&'static str], media_types: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for content_type in content_types {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        is_accepted(&headers, media_types)
    }

    #[test]
    fn json_in_utf_8_is_accepted() {
        for good in [
            "application/json",
            "Application/JSON; charset=\"UTF-8\"",
            "application/json;x=y ; charset=utf-8",
        ] {
            assert!(accepted(&[good], JSON), "{good}");
        }
        assert!(accepted(&["application/merge-patch+json"], MERGE_PATCH));
    }

    #[test]
    fn anything_else_is_not() {
        for bad in [
            "",
            "text/plain",
            "application/json; charset=utf-16",
            "application/jsonx",
            "application/merge-patch+json",
        ] {
            assert!(!accepted(&[bad], JSON), "{bad}");
        }
        assert!(!accepted(&[], JSON));
        assert!(!accepted(&["application/json", "application/json"], JSON));
    }
}
