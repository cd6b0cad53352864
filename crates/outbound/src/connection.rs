//! One open connection to a receiver and the exchanges over it, one at a time.
//!
//! The bytes move only while an exchange is awaited: no task runs in the background. Dropping an exchange or its
//! connection closes the socket, so a receiver that stops reading or never ends its response costs nothing once the
//! attempt is over.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::failure::Failure;
use crate::heard::{Heard, Noted};

type Stream = TlsStream<TcpStream>;
type Driver = http1::Connection<TokioIo<Noted<Stream>>, Full<Bytes>>;

/// Maximum response head, in bytes. Typical servers send a few kilobytes at most.
const MAX_ANSWER_HEAD_BYTES: usize = 64 * 1024;
/// Maximum header lines of a response. Of one with more, only the status is known.
const MAX_ANSWER_HEADERS: usize = 512;
/// A receiver that closes an idle connection while a request is on its way is detected within a round trip. One that
/// closes later has been working on the request.
const IDLE_CLOSE_NOTICED_WITHIN: Duration = Duration::from_secs(1);

/// An HTTP/1.1 connection, idle or in use by one exchange.
pub(crate) struct Connection {
    requests: http1::SendRequest<Full<Bytes>>,
    /// Drives reads and writes; `None` when the connection has ended.
    driver: Option<Box<Driver>>,
    heard: Heard,
}

/// The response to a request.
pub(crate) enum Head {
    /// A response, whose body is still to come.
    Whole(Response<Incoming>),
    /// A response of which only the status can be parsed. The connection has ended.
    StatusOnly(u16),
}

/// Why a request got no response.
pub(crate) enum SendError {
    /// The connection had ended before anything of the request was written. Returned, to be sent on another one.
    Unsent(Box<Request<Full<Bytes>>>),
    /// The connection ended soon, without a byte of a response. If it was idle before, it was most likely closed for
    /// that; but the receiver may have got the request.
    ClosedUnanswered(Failure),
    /// The receiver may have got the request.
    Failed(Failure),
}

impl Connection {
    /// Speaks HTTP/1.1 over this stream from now on.
    ///
    /// Malformed header lines (a PHP warning among them, a space in a name, a line without a colon) are skipped, and
    /// folded ones are unfolded, as browsers and curl do: the receiver has processed the request.
    pub(crate) async fn open(stream: Stream) -> Result<Self, Failure> {
        let heard = Heard::default();
        let (requests, driver) = http1::Builder::new()
            .max_buf_size(MAX_ANSWER_HEAD_BYTES)
            .max_headers(MAX_ANSWER_HEADERS)
            .ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(TokioIo::new(Noted::new(stream, heard.clone())))
            .await
            .map_err(|error| Failure::of_request(&error))?;
        Ok(Self {
            requests,
            driver: Some(Box::new(driver)),
            heard,
        })
    }

    /// Sends a request and reads the head of its response.
    ///
    /// hyper checks for the end of the stream before it takes a request, and returns a request that it did not take.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Head, SendError> {
        self.heard.reset();
        let sent = Instant::now();
        let answer = self.requests.try_send_request(request);
        match self.drive(answer).await {
            Ok(response) => Ok(Head::Whole(response)),
            Err(mut error) => match error.take_message() {
                Some(request) => Err(SendError::Unsent(Box::new(request))),
                None => self.without_answer(Failure::of_request(error.error()), sent),
            },
        }
    }

    /// The reason why a request sent then got no response.
    fn without_answer(&self, failure: Failure, sent: Instant) -> Result<Head, SendError> {
        let status = if failure == Failure::NotUnderstood {
            self.heard.status()
        } else {
            None
        };
        if let Some(status) = status {
            return Ok(Head::StatusOnly(status));
        }
        let closed = matches!(failure, Failure::Closed | Failure::ConnectionFailed);
        if closed && self.heard.is_nothing() && sent.elapsed() < IDLE_CLOSE_NOTICED_WITHIN {
            return Err(SendError::ClosedUnanswered(failure));
        }
        Err(SendError::Failed(failure))
    }

    /// Awaits `work`, a part of the exchange, while driving the connection.
    pub(crate) async fn drive<Work: Future>(&mut self, work: Work) -> Work::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.move_bytes(cx);
            work.as_mut().poll(cx)
        })
        .await
    }

    /// Whether another request can follow: this response was read to its end, the request was written to its end, and
    /// neither side wants to close.
    pub(crate) async fn is_reusable(&mut self) -> bool {
        poll_fn(|cx| {
            self.move_bytes(cx);
            std::task::Poll::Ready(())
        })
        .await;
        self.driver.is_some() && self.requests.is_ready()
    }

    /// Closes an idle connection, with a TLS close_notify (RFC 8446 §6.1) if that needs no waiting.
    pub(crate) fn close(self) {
        let Self { requests, driver, .. } = self;
        drop(requests);
        if let Some(mut driver) = driver {
            let _ = Pin::new(&mut driver).poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    fn move_bytes(&mut self, cx: &mut Context<'_>) {
        let ended = self
            .driver
            .as_mut()
            .is_some_and(|driver| Pin::new(driver).poll(cx).is_ready());
        if ended {
            // hyper has passed the error to the exchange, if there is one.
            self.driver = None;
        }
    }
}
