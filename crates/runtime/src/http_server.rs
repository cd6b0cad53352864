//! Serving HTTP/1.1, the same for the port of users and the port of operators: no client holds a connection for ever, or
//! all of them.

mod peers;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use peers::Peers;

/// A request's head has at most so many bytes; hyper answers a longer one with 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What a connection reads ahead, at most.
const MAX_BUFFERED_BYTES: usize = 64 * 1024;
/// Pause after a failed `accept` (out of file descriptors, usually), which would otherwise spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections a port has, and how long each may take for what.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections at once; more wait in the system's queue.
    pub connections: usize,
    /// Connections of one client address at once; more are closed.
    pub per_address: usize,
    /// For the head of the first request: a client that connects has a request to send.
    pub first_head: Duration,
    /// For that of each later one, counted from the end of the last answer.
    pub head: Duration,
    /// For all its requests; afterwards it takes no more, so that no client keeps a connection for ever.
    pub age: Duration,
    /// For what is being answered when it has to end.
    pub drain: Duration,
}

/// Serves what connects to `listener` until `stop` is cancelled, then finishes what is being answered, within the limit
/// for that, and returns. Dropped, it closes all connections at once.
pub async fn serve<S, B>(listener: TcpListener, service: S, limits: ServerLimits, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let peers = Peers::new(limits.per_address);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            (stream, peer, slot) = accept(&listener, &slots) => {
                // One that has too many is closed unheard: an answer would take as long as a request.
                let Some(share) = peers.admit(peer) else { continue };
                let service = service.clone();
                let stop = stop.clone();
                connections.spawn(async move {
                    answer(limits, stream, service, stop).await;
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
                    listen = listener.local_addr().ok().map(tracing::field::display),
                    error = &error as &dyn std::error::Error,
                    "cannot accept a connection; the server tries again"
                );
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer<S, B>(limits: ServerLimits, stream: TcpStream, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head);
    http.max_header_size(MAX_HEAD_BYTES).max_buf_size(MAX_BUFFERED_BYTES);
    let asked = &AtomicBool::new(false);
    let service = service_fn(move |request| {
        asked.store(true, Ordering::Relaxed);
        service.call(request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = never_asked(limits.first_head, asked) => return,
        () = until_it_must_end(limits.age, &stop) => {
            connection.as_mut().graceful_shutdown();
            timeout(limits.drain, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // Client disconnects and malformed requests are expected.
        tracing::debug!(error = &error as &dyn std::error::Error, "connection failed");
    }
}

/// Ends when nothing was asked within `patience`, and never when something was.
async fn never_asked(patience: Duration, asked: &AtomicBool) {
    sleep(patience).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

async fn until_it_must_end(age: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = sleep(age) => {}
    }
}

#[cfg(test)]
mod tests;
