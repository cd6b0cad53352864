//! One open connection to a receiver and the exchanges over it, one at a time.
//!
//! The bytes move only while an exchange is awaited: no task runs in the background. Whoever drops an exchange or its
//! connection has closed the socket, so a receiver that stops reading or never ends its answer costs nothing once the
//! attempt is over.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::failure::Failure;

type Driver = http1::Connection<TokioIo<TlsStream<TcpStream>>, Full<Bytes>>;

/// The largest answer head, in bytes. Generous servers send a few kilobytes.
const MAX_ANSWER_HEAD_BYTES: usize = 64 * 1024;

/// An HTTP/1.1 connection that is not in use, or in use by one exchange.
pub(crate) struct Connection {
    requests: http1::SendRequest<Full<Bytes>>,
    /// What reads and writes; gone when the connection has ended.
    driver: Option<Box<Driver>>,
}

/// Why a request got no answer.
pub(crate) enum SendError {
    /// The connection had ended before anything of the request was written. Here it is, to be sent on another.
    Unsent(Box<Request<Full<Bytes>>>),
    /// The receiver may have got the request.
    Failed(Failure),
}

impl Connection {
    /// Speaks HTTP/1.1 over this stream from now on.
    pub(crate) async fn open(stream: TlsStream<TcpStream>) -> Result<Self, Failure> {
        let (requests, driver) = http1::Builder::new()
            .max_buf_size(MAX_ANSWER_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::of_request(&error))?;
        Ok(Self { requests, driver: Some(Box::new(driver)) })
    }

    /// Sends a request and reads the head of its answer.
    ///
    /// hyper looks for the end of the stream before it takes a request, and hands back one that it did not take.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError> {
        let answer = self.requests.try_send_request(request);
        self.drive(answer).await.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::Unsent(Box::new(request)),
            None => SendError::Failed(Failure::of_request(error.error())),
        })
    }

    /// Awaits `work`, a part of the exchange, while moving the bytes that it waits for.
    pub(crate) async fn drive<Work: Future>(&mut self, work: Work) -> Work::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.move_bytes(cx);
            work.as_mut().poll(cx)
        })
        .await
    }

    /// Whether another request can follow: this answer was read to its end, the request was written to its end, and
    /// neither side wants to close.
    pub(crate) async fn is_reusable(&mut self) -> bool {
        poll_fn(|cx| {
            self.move_bytes(cx);
            std::task::Poll::Ready(())
        })
        .await;
        self.driver.is_some() && self.requests.is_ready()
    }

    /// Closes an idle connection, with a word of goodbye (RFC 8446 §6.1) if that needs no waiting.
    pub(crate) fn close(self) {
        let Self { requests, driver } = self;
        drop(requests);
        if let Some(mut driver) = driver {
            let _ = Pin::new(&mut driver).poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    fn move_bytes(&mut self, cx: &mut Context<'_>) {
        let ended = self.driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(cx).is_ready());
        if ended {
            // hyper has given the reason to the exchange, if there is one.
            self.driver = None;
        }
    }
}
