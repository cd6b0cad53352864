//! A customer's HTTPS server whose behaviour a test decides, request by request, and which records its requests.
//!
//! It speaks HTTP/1.1 by hand, because a proper server library refuses to send most of what a hostile receiver sends.

mod answer;
mod builder;
mod connection;
mod gzip_bomb;
mod lock;
mod received;
mod reply;
mod request_reader;
mod script;
mod shared;
mod silent_port;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::bail;
use devstack::certificates::TestCa;
use domain::SigningSecret;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

pub use answer::Answer;
pub use builder::ReceiverBuilder;
use lock::lock;
pub use received::ReceivedRequest;
pub use script::Script;
use shared::Shared;
pub use shared::{OnConnect, Recording};
pub use silent_port::SilentPort;

/// A running receiver. Stops when dropped, together with its connections.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    close: mpsc::Sender<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

impl ReceiverBuilder {
    /// Starts the receiver; it answers 200 to everything until told otherwise.
    ///
    /// # Errors
    /// When the address cannot be bound or the certificate is unusable.
    pub async fn start(self) -> anyhow::Result<Receiver> {
        let (listener, address, shared) = self.prepare().await?;
        Ok(Receiver::run(listener, address, shared))
    }
}

impl Receiver {
    /// A receiver on a free port of 127.0.0.1 with a valid certificate of `ca`, which responds with 200 by default.
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
        Self {
            shared,
            address,
            close,
            accepting,
        }
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

    /// How many connections resumed the TLS session of an earlier one.
    pub fn resumed_sessions(&self) -> usize {
        self.shared.resumed.load(Ordering::Acquire)
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

    /// Waits until at least `n` requests arrived and returns them.
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
        self.shared.log.look(
            |requests| match requests.iter().find(|request| !request.is_signed_by(&key)) {
                Some(request) => bail!("the request {:?} is not signed with this secret", request.webhook_id()),
                None => Ok(requests.len()),
            },
        )
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
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
                // The caller was dropped.
                let _ = closed.send(());
            }
        }
    }
}
