//! The port of users: behind a proxy that ends TLS.

use std::time::Duration;

use axum::Router;
use hyper_util::service::TowerToHyperService;
use runtime::http_server::{self, ServerLimits};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const LIMITS: ServerLimits = ServerLimits {
    connections: 512,
    // A quarter of all. A proxy in front of us is one address, and keeps fewer: each serves a hundred requests a second
    // and more.
    per_address: 128,
    first_head: Duration::from_secs(10),
    // Longer than proxies keep idle connections (60 s, usually): they must be the ones to close, or a request meets a
    // closing connection.
    head: Duration::from_secs(75),
    age: Duration::from_secs(600),
    drain: Duration::from_secs(10),
};

/// Answers what connects to `listener` until `stop` is cancelled, then finishes what is being answered, for at most ten
/// seconds, and returns.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    http_server::serve(listener, TowerToHyperService::new(router), LIMITS, stop).await;
}
