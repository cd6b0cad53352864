//! What a receiver and its connections share.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use tokio_rustls::TlsAcceptor;

use super::received::ReceivedLog;
use super::script::Scripts;

/// How the receiver treats a connection before any request.
#[derive(Debug, Clone, Default)]
pub enum OnConnect {
    /// TLS handshake, then requests.
    #[default]
    Serve,
    /// Closes at once (FIN).
    Close,
    /// Resets at once (RST).
    Reset,
    /// Keeps the connection open and never says a word: a stalled TLS handshake.
    Stall,
    /// Says these bytes instead of a TLS handshake, then closes.
    Say(Bytes),
}

/// How much the receiver remembers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recording {
    /// Every request in full.
    #[default]
    Full,
    /// Only how many there were, for benchmarks: headers are not even parsed, and a script that decides by code sees
    /// none.
    CountsOnly,
}

/// What the receiver and its connections share.
pub(super) struct Shared {
    pub(super) tls: TlsAcceptor,
    pub(super) keep_alive: Duration,
    pub(super) recording: Recording,
    pub(super) scripts: Mutex<Scripts>,
    pub(super) on_connect: Mutex<OnConnect>,
    pub(super) log: ReceivedLog,
    pub(super) accepted: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) resumed: AtomicUsize,
}

impl Shared {
    pub(super) fn new(tls: TlsAcceptor, keep_alive: Duration, recording: Recording) -> Self {
        Self {
            tls,
            keep_alive,
            recording,
            scripts: Mutex::default(),
            on_connect: Mutex::default(),
            log: ReceivedLog::default(),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("count", &self.log.count())
            .finish_non_exhaustive()
    }
}
