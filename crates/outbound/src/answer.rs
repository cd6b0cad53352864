//! Reads a receiver's response, only as much as needed.

use std::time::Duration;

use domain::Outcome;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::Attempt;
use crate::connection::{Connection, Head};

/// Maximum bytes read of a body. A longer one is cut off by closing the connection.
const MAX_READ_BYTES: usize = 64 * 1024;
/// Maximum bytes of it that are kept.
const MAX_EXCERPT_BYTES: usize = 4 * 1024;
/// Timeout of a body after its head. The status has decided the attempt by then; a longer body is cut off by closing
/// the connection, so that a receiver which never ends its response costs little more than a quick one.
const MAX_BODY_TIME: Duration = Duration::from_secs(1);
/// Maximum length of a `Retry-After` that is passed on; an HTTP date has 29 characters.
const MAX_RETRY_AFTER_BYTES: usize = 64;

/// The head of a response, and the connection for its body.
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) connection: Connection,
}

/// The result of an attempt whose response cannot be parsed except for its status: the receiver has processed the
/// request.
pub(crate) fn status_only(status: u16, started: Instant) -> Attempt {
    Attempt {
        outcome: Outcome::from_status(status),
        http_status: Some(status),
        retry_after: None,
        response_time: started.elapsed(),
        error: None,
        response_excerpt: Vec::new(),
    }
}

/// Turns a response into the result of the attempt that `started` then. The status has decided it: a body that is slow,
/// broken or endless changes nothing, it only costs [`MAX_BODY_TIME`], or the time left until `deadline` if that is
/// less.
pub(crate) async fn read(
    response: Response<Incoming>,
    connection: &mut Connection,
    started: Instant,
    deadline: Instant,
) -> Attempt {
    let head_read = Instant::now();
    let (head, body) = response.into_parts();
    let response_excerpt = excerpt(body, connection, deadline.min(head_read + MAX_BODY_TIME)).await;
    Attempt {
        outcome: Outcome::from_status(head.status.as_u16()),
        http_status: Some(head.status.as_u16()),
        retry_after: retry_after(&head.headers),
        response_time: head_read - started,
        error: None,
        response_excerpt,
    }
}

/// The first bytes of the body. If the body is read to its end, the connection can be reused.
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
    // A timeout is one more way for a body to end.
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
