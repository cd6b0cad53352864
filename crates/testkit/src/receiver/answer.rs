//! The receiver's response to one request.

use std::time::Duration;

use bytes::Bytes;

use super::gzip_bomb::gzip_bomb;

/// The receiver's response to one request. Start from one of the constructors, then refine.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) reply: Reply,
    pub(super) delay: Duration,
    pub(super) reads_body: bool,
    pub(super) ending: Ending,
}

/// The content of the response.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Nothing at all.
    Silence,
    /// These bytes, whatever they are.
    Raw(Bytes),
    /// A well-formed response.
    Response {
        status: u16,
        headers: String,
        body: Bytes,
        pace: Pace,
    },
    /// A well-formed head, then zeros for ever.
    Endless,
}

/// How fast a response is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// At once.
    Full,
    /// The head at once, then the body byte by byte with this pause before each.
    SlowBody(Duration),
    /// All of it byte by byte.
    SlowHead(Duration),
}

/// What becomes of the connection afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    KeepAlive,
    Close,
    Reset,
    Hang,
}

impl Answer {
    /// 200 with an empty body.
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// Any status (also 101 and 999) with an empty body.
    pub fn status(status: u16) -> Self {
        Self::response(status, Bytes::new(), Pace::Full)
    }

    /// A redirect (301, 302, 303, 307, 308) to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }

    /// Reads the request and never answers.
    pub fn hang() -> Self {
        Self::of(Reply::Silence, Ending::Hang)
    }

    /// Reads the request, then closes the connection without an answer (FIN).
    pub fn close() -> Self {
        Self::of(Reply::Silence, Ending::Close)
    }

    /// Reads the request, then resets the connection without an answer (RST).
    pub fn reset() -> Self {
        Self::of(Reply::Silence, Ending::Reset)
    }

    /// Says these bytes as the whole answer, then closes: garbage, a truncated body, a flood of 1xx.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::of(Reply::Raw(bytes.into()), Ending::Close)
    }

    /// 200 with a body that never ends, as fast as it is read.
    pub fn endless_body() -> Self {
        Self::of(Reply::Endless, Ending::Close)
    }

    /// 200 with `body`, one byte at a time, `pause` before each.
    pub fn slow_body(body: impl Into<Bytes>, pause: Duration) -> Self {
        Self::response(200, body.into(), Pace::SlowBody(pause))
    }

    /// 200 whose head arrives one byte at a time, `pause` before each.
    pub fn slow_head(pause: Duration) -> Self {
        Self::response(200, Bytes::new(), Pace::SlowHead(pause))
    }

    /// 200 with `content-encoding: gzip` and a body that would unpack to about `unpacked_bytes` zeros.
    pub fn gzip_bomb(unpacked_bytes: usize) -> Self {
        Self::ok()
            .header("content-encoding", "gzip")
            .body(gzip_bomb(unpacked_bytes))
    }

    /// Adds a header. Only answers that start from a status have any.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Reply::Response { headers, .. } = &mut self.reply {
            *headers += &format!("{name}: {value}\r\n");
        }
        self
    }

    /// Sets the body. Only answers that start from a status have one.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        if let Reply::Response { body, .. } = &mut self.reply {
            *body = bytes.into();
        }
        self
    }

    /// Adds `Retry-After`.
    pub fn retry_after(self, value: &str) -> Self {
        self.header("retry-after", value)
    }

    /// Waits before doing it.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Does it as soon as the request's head is there, without ever reading the body.
    pub fn before_reading(mut self) -> Self {
        self.reads_body = false;
        self
    }

    /// Closes the connection afterwards (FIN), without having announced it.
    pub fn then_close(self) -> Self {
        self.then(Ending::Close)
    }

    /// Resets the connection afterwards (RST).
    pub fn then_reset(self) -> Self {
        self.then(Ending::Reset)
    }

    /// Keeps the connection open afterwards and never reads from it again.
    pub fn then_hang(self) -> Self {
        self.then(Ending::Hang)
    }

    fn then(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    fn response(status: u16, body: Bytes, pace: Pace) -> Self {
        Self::of(
            Reply::Response {
                status,
                headers: String::new(),
                body,
                pace,
            },
            Ending::KeepAlive,
        )
    }

    fn of(reply: Reply, ending: Ending) -> Self {
        Self {
            reply,
            delay: Duration::ZERO,
            reads_body: true,
            ending,
        }
    }
}
