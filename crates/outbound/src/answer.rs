//! Reads a receiver's answer, as little of it as needed.

use std::time::Duration;

use domain::Outcome;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::Attempt;
use crate::connection::Connection;

/// Of a body, at most this is read. A longer one is cut off by closing the connection.
const MAX_READ_BYTES: usize = 64 * 1024;
/// Of that, this is kept.
const MAX_EXCERPT_BYTES: usize = 4 * 1024;
/// The longest `Retry-After` that is passed on; an HTTP date has 29 characters.
const MAX_RETRY_AFTER_BYTES: usize = 64;

/// The head of an answer, and the connection that the body is still to come over.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) connection: Connection,
}

/// Turns an answer into the attempt's ending. The status has decided it already: a body that is slow, broken or endless
/// changes nothing, it only costs the time left until `deadline` at most.
pub(crate) async fn read(
    response: Response<Incoming>,
    connection: &mut Connection,
    deadline: Instant,
    response_time: Duration,
) -> Attempt {
    let (head, body) = response.into_parts();
    Attempt {
        outcome: Outcome::from_status(head.status.as_u16()),
        http_status: Some(head.status.as_u16()),
        retry_after: retry_after(&head.headers),
        response_time,
        error: None,
        response_excerpt: excerpt(body, connection, deadline).await,
    }
}

/// The first bytes of the body. A body read to its end leaves its connection free for the next request.
async fn excerpt(mut body: Incoming, connection: &mut Connection, deadline: Instant) -> Vec<u8> {
    let mut kept = Vec::new();
    if body.is_end_stream() {
        return kept;
    }
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = connection.drive(body.frame()).await {
            let Some(data) = frame.data_ref() else { continue };
            kept.extend_from_slice(&data[..data.len().min(MAX_EXCERPT_BYTES - kept.len())]);
            read += data.len();
            if read >= MAX_READ_BYTES {
                break;
            }
        }
    };
    // Out of time is one more way for a body to end.
    let _ = timeout_at(deadline, reading).await;
    kept
}

fn retry_after(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(RETRY_AFTER)?.as_bytes();
    let visible = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    (visible && value.len() <= MAX_RETRY_AFTER_BYTES).then(|| value.iter().copied().map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &[u8], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, http::HeaderValue::from_bytes(value).unwrap());
        assert_eq!(retry_after(&headers).as_deref(), expected);
    }

    #[test]
    fn retry_after_passes_only_when_short_and_visible() {
        check(b"120", Some("120"));
        check(b"Wed, 21 Oct 2026 07:28:00 GMT", Some("Wed, 21 Oct 2026 07:28:00 GMT"));
        check(&[b'9'; 64], Some(&"9".repeat(64)));
        check(&[b'9'; 65], None);
        check(b"12\t0", None);
        check("1²".as_bytes(), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
