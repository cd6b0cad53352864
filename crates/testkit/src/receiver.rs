//! A customer's HTTPS server whose behaviour a test decides, request by request, and which remembers what it was sent.
//!
//! It speaks HTTP/1.1 by hand, because a proper server library refuses to say most of what a hostile receiver says.

mod answer;
mod builder;
mod connection;
mod gzip_bomb;
mod received;
mod reply;
mod request_reader;
mod script;
mod silent_port;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use domain::SigningSecret;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::certificates::TestCa;

pub use answer::Answer;
pub use builder::ReceiverBuilder;
use received::ReceivedLog;
pub use received::ReceivedRequest;
pub use script::Script;
use script::Scripts;
pub use silent_port::SilentPort;

/// What the receiver does with a connection before any request.
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

/// A running receiver. Stops when dropped, together with its connections.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    close: mpsc::Sender<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

/// What the receiver and its connections share.
struct Shared {
    tls: TlsAcceptor,
    keep_alive: Duration,
    recording: Recording,
    scripts: Mutex<Scripts>,
    on_connect: Mutex<OnConnect>,
    log: ReceivedLog,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl Shared {
    fn new(tls: TlsAcceptor, keep_alive: Duration, recording: Recording) -> Self {
        Self {
            tls,
            keep_alive,
            recording,
            scripts: Mutex::default(),
            on_connect: Mutex::default(),
            log: ReceivedLog::default(),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        }
    }
}

impl Receiver {
    /// A receiver on a free port of 127.0.0.1 with a good certificate of `ca`, which answers 200 until told otherwise.
    ///
    /// # Errors
    /// See [`ReceiverBuilder::start`].
    pub async fn start(ca: &TestCa) -> anyhow::Result<Self> {
        Self::builder(ca).start().await
    }

    /// Settings to start from.
    pub fn builder(ca: &TestCa) -> ReceiverBuilder {
        ReceiverBuilder::new(ca)
    }

    fn run(listener: TcpListener, address: SocketAddr, shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let (close, closing) = mpsc::channel(1);
        let accepting = tokio::spawn(accept(listener, shared.clone(), closing));
        Self { shared, address, close, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://<address><path>`; `path` starts with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// `https://<host>:<port><path>`, for a name in the certificate that leads here.
    pub fn url_as(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }

    /// From now on answers every path that has no script of its own by `script`.
    pub fn answer(&self, script: impl Into<Script>) {
        lock(&self.shared.scripts).set_other(script.into());
    }

    /// From now on answers `path` (any query) by `script`.
    pub fn answer_at(&self, path: &str, script: impl Into<Script>) {
        lock(&self.shared.scripts).set(path, script.into());
    }

    /// From now on treats new connections so.
    pub fn on_connect(&self, what: OnConnect) {
        *lock(&self.shared.on_connect) = what;
    }

    /// Breaks every open connection off, as a crash would. New ones are accepted.
    pub async fn close_connections(&self) {
        let (closed, wait) = oneshot::channel();
        if self.close.send(closed).await.is_ok() {
            // An error means that the accepting task is gone, and the connections with it.
            let _ = wait.await;
        }
    }

    /// All requests so far, in order of arrival. Empty with [`Recording::CountsOnly`].
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.log.look(<[_]>::to_vec)
    }

    /// How many requests arrived.
    pub fn count(&self) -> usize {
        self.shared.log.count()
    }

    /// How many TCP connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::Acquire)
    }

    /// How many of them are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::Acquire)
    }

    /// How often each `webhook-id` arrived.
    pub fn count_by_webhook_id(&self) -> HashMap<String, usize> {
        self.shared.log.look(|requests| {
            let mut counts = HashMap::new();
            for request in requests {
                *counts.entry(request.webhook_id().to_owned()).or_default() += 1;
            }
            counts
        })
    }

    /// Waits until at least `n` requests arrived and returns what is remembered of them.
    ///
    /// # Errors
    /// When fewer arrived `within` that time; says how many did.
    pub async fn wait_for(&self, n: usize, within: Duration) -> anyhow::Result<Vec<ReceivedRequest>> {
        let log = &self.shared.log;
        if !log.wait(within, || log.count() >= n).await {
            bail!("waited {within:?} for {n} requests, {} arrived", log.count());
        }
        Ok(self.requests())
    }

    /// Waits until `enough` holds for the requests so far and returns them.
    ///
    /// # Errors
    /// When it does not hold `within` that time; `what` finishes the sentence "waited in vain for …".
    pub async fn wait_until(
        &self,
        what: &str,
        within: Duration,
        enough: impl Fn(&[ReceivedRequest]) -> bool,
    ) -> anyhow::Result<Vec<ReceivedRequest>> {
        let log = &self.shared.log;
        if !log.wait(within, || log.look(&enough)).await {
            bail!("waited {within:?} in vain for {what}; {} requests arrived", log.count());
        }
        Ok(self.requests())
    }

    /// Checks the signature of every request so far and returns how many there are.
    ///
    /// # Errors
    /// When one is not signed with `secret`; names its `webhook-id`.
    pub fn verify(&self, secret: &SigningSecret) -> anyhow::Result<usize> {
        let key = secret.key();
        self.shared.log.look(|requests| match requests.iter().find(|request| !request.is_signed_by(&key)) {
            Some(request) => bail!("the request {:?} is not signed with this secret", request.webhook_id()),
            None => Ok(requests.len()),
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("count", &self.log.count()).finish_non_exhaustive()
    }
}

/// Accepts until aborted; the connections go with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut closing: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let number = shared.accepted.fetch_add(1, Ordering::AcqRel) + 1;
                connections.spawn(connection::serve(shared.clone(), stream, number));
            }
            Some(_) = connections.join_next() => {}
            Some(closed) = closing.recv() => {
                connections.shutdown().await;
                // Nobody waits any more when the caller was dropped.
                let _ = closed.send(());
            }
        }
    }
}

/// No code panics while it holds one of these locks, except a test's own decision, which has failed the test by then.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
