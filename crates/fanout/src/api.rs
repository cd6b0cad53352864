//! Serving the admin API, and telling Prometheus how.

use std::sync::Arc;

use anyhow::Context;
use console::{
    ApiState, ConsoleSettings, RequestLabels, RequestLimit, RequestObserver, ServedRequest, Tests, router, serve,
};
use runtime::metrics::{Family, Histogram};
use runtime::{Metrics, Settings};
use store::Database;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

struct Requests(Family<RequestLabels, Histogram>);

impl RequestObserver for Requests {
    fn served(&self, request: &ServedRequest) {
        self.0.with(request.labels()).observe(request.duration.as_secs_f64());
    }
}

/// Listens, and answers until `stop`. It answers before the database is reachable: with 503, which says so.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn start(
    settings: &Settings,
    database: &Database,
    tests: Tests,
    metrics: &Metrics,
    tracker: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let requests = metrics.histograms(
        "http_server_request_duration_seconds",
        "Time to answer a request of the admin API.",
        &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
    );
    let state = ApiState {
        database: database.clone(),
        policy: settings.egress.address_policy(),
        release_pace: settings.release.per_second,
        request_limit: RequestLimit::per_minute(settings.api.per_minute),
        base_path: settings.http.base_path.prefix().to_owned(),
        console: ConsoleSettings {
            public_url: settings.http.public_url.clone(),
            frame_ancestors: settings.http.frame_ancestors.clone(),
            identity_provider: settings.sso.provider.clone().map(Arc::new),
            retention_days: settings.retention.days,
            auto_pause_after: settings.auto_pause.after,
        },
        tests,
        observer: Arc::new(Requests(requests)),
    };
    let listen = settings.http.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    info!(%listen, "admin API");
    tracker.spawn(serve(listener, router(state), stop));
    Ok(())
}
