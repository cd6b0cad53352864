//! Reads the requests of one connection.

use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest request head; senders' have a few hundred bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The head of a request.
pub(super) struct Head {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    /// Empty when headers are not wanted.
    pub(super) headers: HeaderMap,
    pub(super) body_length: usize,
}

/// Bytes read from a connection and not yet used.
pub(super) struct RequestReader {
    buffer: BytesMut,
    wants_headers: bool,
}

impl RequestReader {
    pub(super) fn new(wants_headers: bool) -> Self {
        Self {
            buffer: BytesMut::with_capacity(4096),
            wants_headers,
        }
    }

    /// The next request's head, or `None` when the client closed the connection between two requests.
    pub(super) async fn head(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Head>> {
        let mut searched = 0;
        loop {
            if let Some(end) = find_end(&self.buffer[searched..]) {
                let text = self.buffer.split_to(searched + end);
                return parse(&text, self.wants_headers)
                    .map(Some)
                    .ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            searched = self.buffer.len().saturating_sub(3);
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// The body that follows the head.
    pub(super) async fn body(&mut self, stream: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Bytes> {
        self.buffer.reserve(length.saturating_sub(self.buffer.len()));
        while self.buffer.len() < length {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let body = self.buffer.split_to(length);
        Ok(if self.wants_headers {
            body.freeze()
        } else {
            Bytes::new()
        })
    }
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|start| start + 4)
}

fn parse(head: &[u8], wants_headers: bool) -> Option<Head> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let mut request_line = lines.next()?.split(' ');
    let method = request_line.next()?.parse().ok()?;
    let path = request_line.next()?.to_owned();
    let mut parsed = Head {
        method,
        path,
        headers: HeaderMap::new(),
        body_length: 0,
    };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            parsed.body_length = value.trim().parse().ok()?;
        }
        if wants_headers {
            let name: HeaderName = name.parse().ok()?;
            parsed.headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
        }
    }
    Some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_requests_in_one_read_are_told_apart() {
        let mut input: &[u8] =
            b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiPOST /c HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut reader = RequestReader::new(true);
        let first = reader.head(&mut input).await.unwrap().unwrap();
        assert_eq!((first.path.as_str(), first.body_length), ("/a?b", 2));
        assert_eq!(first.headers["host"], "x");
        assert_eq!(reader.body(&mut input, 2).await.unwrap(), "hi");
        assert_eq!(reader.head(&mut input).await.unwrap().unwrap().path, "/c");
        assert!(reader.head(&mut input).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn half_a_request_is_an_error() {
        let mut input: &[u8] = b"POST / HTTP/1.1\r\nHost";
        assert!(RequestReader::new(true).head(&mut input).await.is_err());
    }
}
