//! A tunnel through a CONNECT proxy (RFC 9110 §9.3.6).

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::failing_hosts::FailingHosts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ProxyAddress;
use crate::exhausted::is_lack_of_ours;
use crate::failure::Failure;
use crate::trouble::Trouble;

/// Share of the timeout for one address that the connection to the proxy may take: a timeout of the proxy is then
/// distinguished from one of the destination.
const PATIENCE_WITH_PROXY: f32 = 0.9;

/// Maximum response head of a proxy.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The egress proxy.
#[derive(Debug)]
pub(crate) struct Tunnel {
    proxy: ProxyAddress,
    failing: Mutex<FailingHosts>,
    trouble: Trouble,
}

/// The proxy's response to CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Opened,
    /// It will not, or cannot, connect to this destination.
    Refused,
    /// It failed (a status of 500 or more, or no response): for this destination, or altogether.
    Failed,
    /// It does not speak HTTP, or requires authentication.
    NoUse,
}

impl Tunnel {
    pub(crate) fn through(proxy: ProxyAddress) -> Self {
        let trouble = Trouble::new(
            "local error: the egress proxy does not work",
            "local error over: the egress proxy works again",
        );
        Self {
            proxy,
            failing: Mutex::default(),
            trouble,
        }
    }

    /// Whether the proxy works, as far as recent attempts show.
    pub(crate) fn is_healthy(&self) -> bool {
        !self.trouble.is_there()
    }

    /// Asks the proxy for a connection to `destination`. The proxy's own name is the operator's and resolved by the
    /// system.
    ///
    /// A proxy that cannot be reached within nearly all of `patience` is a local error. A failing one responds like one
    /// whose destination fails; it is a local error when several destinations fail and none is reached in between.
    pub(crate) async fn open(&self, destination: SocketAddr, patience: Duration) -> Result<TcpStream, Failure> {
        let connecting = TcpStream::connect((self.proxy.host(), self.proxy.port()));
        let mut stream = match timeout(patience.mul_f32(PATIENCE_WITH_PROXY), connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if is_lack_of_ours(&error) => return Err(Failure::NoSocket),
            Ok(Err(error)) => return Err(self.no_use(&error.to_string())),
            Err(_) => return Err(self.no_use("no connection in time")),
        };
        let (answer, words) = ask(&mut stream, destination).await;
        match answer {
            Answer::Opened => {
                self.failing().succeeded();
                self.trouble.is_over();
                return Ok(stream);
            }
            Answer::NoUse => return Err(self.no_use(&words)),
            Answer::Failed if self.several_fail(destination) => return Err(self.no_use(&words)),
            Answer::Failed | Answer::Refused => {}
        }
        tracing::debug!(proxy = %self.proxy, %destination, words, "the egress proxy refused the tunnel");
        Err(Failure::ConnectionFailed)
    }

    fn several_fail(&self, destination: SocketAddr) -> bool {
        let mut failing = self.failing();
        let now = Instant::now();
        failing.failed(&destination.to_string(), now);
        failing.are_several(now)
    }

    fn no_use(&self, cause: &str) -> Failure {
        self.trouble.is_noticed(cause);
        Failure::NoProxy
    }

    fn failing(&self) -> MutexGuard<'_, FailingHosts> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The response, and its text.
async fn ask(stream: &mut TcpStream, destination: SocketAddr) -> (Answer, String) {
    let request = format!("CONNECT {destination} HTTP/1.1\r\nhost: {destination}\r\n\r\n");
    let exchanged = async {
        stream.write_all(request.as_bytes()).await?;
        read_head(stream).await
    };
    match exchanged.await {
        Ok(head) => {
            let status_line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            (answer_of(&head), String::from_utf8_lossy(status_line).into_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => (Answer::NoUse, error.to_string()),
        Err(error) => (Answer::Failed, error.to_string()),
    }
}

fn answer_of(head: &[u8]) -> Answer {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', status @ ..] = head else {
        return Answer::NoUse;
    };
    match status {
        [b'2', ..] => Answer::Opened,
        [b'4', b'0', b'7', ..] => Answer::NoUse,
        [b'5', ..] => Answer::Failed,
        _ => Answer::Refused,
    }
}

/// Reads up to and including the empty line. TLS clients speak first, so nothing else can follow it yet.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
