//! `/metrics`, `/healthz` and `/readyz`, on a port of their own that customers never reach.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};

use crate::metrics::{self, Metrics};
use crate::readiness::Readiness;

/// Enough for scrapers, health checks and a person; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 64;
/// How long a client may take to send a request's head, the wait on an idle connection included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed `accept`: without one, a lack of file descriptors makes the loop spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The server. It responds until it is dropped, so that it reports a shutdown to the very end.
#[derive(Debug)]
pub struct TelemetryServer {
    local_addr: SocketAddr,
    accepting: AbortHandle,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen} for metrics and health (WEBHOOKS_TELEMETRY__LISTEN)")]
pub struct ListenError {
    /// The requested address.
    pub listen: SocketAddr,
    source: io::Error,
}

impl TelemetryServer {
    /// Starts to serve on `listen`.
    ///
    /// # Errors
    /// When the address is in use or not local.
    pub async fn start(listen: SocketAddr, metrics: Metrics, readiness: Readiness) -> Result<Self, ListenError> {
        let failed = |source| ListenError { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let accepting = tokio::spawn(accept(listener, Arc::new(Pages { metrics, readiness }))).abort_handle();
        Ok(Self { local_addr, accepting })
    }

    /// The address it listens on; with the assigned port if port 0 was requested.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

impl Drop for TelemetryServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until it is dropped. The connections' tasks belong to this one and end with it.
async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(answer(stream, Arc::clone(&pages), slot))),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot accept a connection on the telemetry port"
                );
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        // Removes finished ones.
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(stream: TcpStream, pages: Arc<Pages>, _slot: OwnedSemaphorePermit) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = pages.respond(request.method(), request.uri().path());
        async { Ok::<_, Infallible>(response) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        // Client disconnects and malformed requests are expected.
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection to the telemetry port failed"
        );
    }
}

/// The content of the pages.
struct Pages {
    metrics: Metrics,
    readiness: Readiness,
}

impl Pages {
    fn respond(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let page: fn(&Self) -> Response<Full<Bytes>> = match path {
            "/metrics" => Self::metrics,
            "/healthz" => |_| text(StatusCode::OK, "ok\n"),
            "/readyz" => Self::ready,
            _ => return text(StatusCode::NOT_FOUND, "not found\n"),
        };
        if matches!(*method, Method::GET | Method::HEAD) {
            return page(self);
        }
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        refusal
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        refusal
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        response(StatusCode::OK, metrics::TEXT_FORMAT, self.metrics.text())
    }

    /// The conditions that do not hold, as a JSON list: `[]` when ready.
    fn ready(&self) -> Response<Full<Bytes>> {
        let unmet = self.readiness.unmet();
        let status = if unmet.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let list = serde_json::to_string(&unmet).expect("texts always serialise");
        response(status, "application/json", list)
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", body)
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
