//! `/metrics`, `/healthz` and `/readyz`, on a port of their own that customers never reach.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::http_server::{ServerLimits, serve};
use crate::metrics::{self, Metrics};
use crate::readiness::Readiness;

const LIMITS: ServerLimits = ServerLimits {
    // Enough for scrapers, health checks and a person, who may share an address.
    connections: 64,
    per_address: 64,
    first_head: Duration::from_secs(30),
    head: Duration::from_secs(30),
    age: Duration::from_secs(600),
    drain: Duration::from_secs(10),
};

/// The server. It responds until it is dropped, so that it reports a shutdown to the very end.
#[derive(Debug)]
pub struct TelemetryServer {
    local_addr: SocketAddr,
    _serving: AbortOnDropHandle<()>,
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
        let pages = Arc::new(Pages { metrics, readiness });
        let service = service_fn(move |request: Request<Incoming>| {
            std::future::ready(Ok(pages.respond(request.method(), request.uri().path())))
        });
        // It ends when it is dropped, never before.
        let serving = serve(listener, service, LIMITS, CancellationToken::new());
        Ok(Self {
            local_addr,
            _serving: AbortOnDropHandle::new(tokio::spawn(serving)),
        })
    }

    /// The address it listens on; with the assigned port if port 0 was requested.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
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
