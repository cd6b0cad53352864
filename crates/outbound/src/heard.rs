//! The bytes received since the last request, recorded beside hyper, which reports nothing of a response that it cannot
//! parse.
//!
//! Two decisions need them. A receiver whose status line arrived has processed the request, however malformed the rest
//! of its response is, so the request is not sent again. And a connection that ended before a single byte of a response
//! was most likely closed for being idle just when the request was written.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Maximum bytes kept of a response: room for a status line behind a few interim responses.
const KEPT_BYTES: usize = 1024;

/// The first bytes of the current response. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// Clears the last response; called before each request.
    pub(crate) fn reset(&self) {
        self.lock().clear();
    }

    /// Whether no byte of a response has arrived.
    pub(crate) fn is_nothing(&self) -> bool {
        self.lock().is_empty()
    }

    /// The status of the response, if its whole status line is among the bytes kept.
    pub(crate) fn status(&self) -> Option<u16> {
        final_status(&self.lock())
    }

    fn add(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        let room = KEPT_BYTES - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The status behind any interim responses (1xx other than 101, RFC 9110 §15.2).
fn final_status(mut answer: &[u8]) -> Option<u16> {
    loop {
        answer = answer.trim_ascii_start();
        let line_end = answer.iter().position(|byte| *byte == b'\n')?;
        match status_of_line(&answer[..line_end])? {
            100 | 102..=199 => answer = &answer[end_of_head(answer)?..],
            status => return Some(status),
        }
    }
}

/// More lenient than RFC 9112 §4: any version, in any case, any white space, and anything or nothing as the reason.
fn status_of_line(line: &[u8]) -> Option<u16> {
    let (name, rest) = line.split_at_checked(5)?;
    if !name.eq_ignore_ascii_case(b"http/") {
        return None;
    }
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let version = words.next()?;
    let status = words.next()?;
    if !version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    match *status {
        [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u16::from(hundreds - b'0') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        }
        _ => None,
    }
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    let end_with = |blank: &[u8]| {
        answer
            .windows(blank.len())
            .position(|window| window == blank)
            .map(|position| position + blank.len())
    };
    end_with(b"\n\r\n").or_else(|| end_with(b"\n\n"))
}

/// A stream whose received bytes are recorded in a [`Heard`].
pub(crate) struct Noted<S> {
    stream: S,
    heard: Heard,
}

impl<S> Noted<S> {
    pub(crate) fn new(stream: S, heard: Heard) -> Self {
        Self { stream, heard }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            self.heard.add(read);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &[u8], expected: Option<u16>) {
        assert_eq!(final_status(said), expected, "{}", said.escape_ascii());
    }

    #[test]
    fn a_status_line_is_read_in_whatever_form() {
        check(b"HTTP/1.1 200 OK\r\n", Some(200));
        check(b"HTTP/1.1 200\r\n", Some(200));
        check(b"HTTP/1.0 404 Nicht gefunden\n", Some(404));
        check(b"http/1.1 503 busy\r\n", Some(503));
        check(b"\r\nHTTP/1.1   202 \xff\x00\r\n", Some(202));
        check(b"HTTP/2 204 \r\nx: y", Some(204));
        check(b"HTTP/1.1 101 Switching Protocols\r\n", Some(101));
    }

    #[test]
    fn interim_answers_are_passed_over() {
        check(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n", Some(201));
        check(b"HTTP/1.1 103 Early Hints\nlink: </x>\n\nHTTP/1.1 500 Oh\n", Some(500));
        check(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n", None);
        check(b"HTTP/1.1 100 Continue\r\n\r\n", None);
    }

    #[test]
    fn what_is_not_a_whole_status_line_has_no_status() {
        for said in [
            "",
            "HTTP/1.1 200",
            "HTTP/1.1 20\r\n",
            "HTTP/1.1 2000 OK\r\n",
            "HTTP/1.1\r\n",
            "HTTP/x.1 200 OK\r\n",
        ] {
            check(said.as_bytes(), None);
        }
        check(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", None);
        check(b"<html>HTTP/1.1 200 OK</html>\r\n", None);
    }

    #[test]
    fn only_the_start_of_an_answer_is_kept() {
        let heard = Heard::default();
        assert!(heard.is_nothing());
        for _ in 0..100 {
            heard.add(&[b'x'; 100]);
        }
        assert_eq!(heard.lock().len(), KEPT_BYTES);
        heard.reset();
        assert!(heard.is_nothing());
    }
}
