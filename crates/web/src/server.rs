//! Answering connections: HTTP/1.1, behind a proxy that ends TLS.

mod peers;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use peers::Peers;

/// Connections at once; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;
/// A request's head has at most so many bytes; hyper answers a longer one with 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What a connection reads ahead, at most.
const MAX_BUFFERED_BYTES: usize = 64 * 1024;
/// Pause after a failed `accept` (out of file descriptors, usually), which would otherwise spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection may take for what.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For the head of the first request: a client that connects has a request to send.
    first_head: Duration,
    /// For that of each later one, counted from the end of the last answer. Longer than proxies keep idle connections
    /// (60 s, usually): they must be the ones to close, or a request meets a closing connection.
    head: Duration,
    /// For all its requests; afterwards it takes no more, so that no client keeps a slot for ever.
    age: Duration,
    /// For what is being answered when it has to end.
    drain: Duration,
}

const PATIENCE: Patience = Patience {
    first_head: Duration::from_secs(10),
    head: Duration::from_secs(75),
    age: Duration::from_secs(600),
    drain: Duration::from_secs(10),
};

/// Answers what connects to `listener` until `shutdown` is cancelled, then finishes what is being answered, for at
/// most ten seconds, and returns.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    serve_with(PATIENCE, listener, router, shutdown).await;
}

async fn serve_with(patience: Patience, listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let peers = Peers::default();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            (stream, peer, slot) = accept(&listener, &slots) => {
                // One that has too many is closed unheard: an answer would take as long as a request.
                let Some(share) = peers.admit(peer) else { continue };
                let router = router.clone();
                let shutdown = shutdown.clone();
                connections.spawn(async move {
                    answer(patience, stream, router, shutdown).await;
                    drop((slot, share));
                });
            }
            // Forgets those that have ended.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    // Each of them ends in time by itself.
    while connections.join_next().await.is_some() {}
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, IpAddr, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip(), slot),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot accept a connection; will retry"
                );
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(patience: Patience, stream: TcpStream, router: Router, shutdown: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience.head);
    http.max_header_size(MAX_HEAD_BYTES).max_buf_size(MAX_BUFFERED_BYTES);
    let asked = Arc::new(AtomicBool::new(false));
    let service = Asked {
        router: TowerToHyperService::new(router),
        asked: Arc::clone(&asked),
    };
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = never_asked(patience.first_head, &asked) => return,
        () = until_it_must_end(patience.age, &shutdown) => {
            connection.as_mut().graceful_shutdown();
            timeout(patience.drain, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // Client disconnects and malformed requests are expected.
        tracing::debug!(error = &error as &dyn std::error::Error, "connection failed");
    }
}

/// The router, and whether a connection has come to a request's end of head.
struct Asked {
    router: TowerToHyperService<Router>,
    asked: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for Asked {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.asked.store(true, Ordering::Relaxed);
        self.router.call(request)
    }
}

/// Ends when nothing was asked within `patience`, and never when something was.
async fn never_asked(patience: Duration, asked: &AtomicBool) {
    sleep(patience).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

async fn until_it_must_end(age: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = sleep(age) => {}
    }
}

#[cfg(test)]
mod tests;
