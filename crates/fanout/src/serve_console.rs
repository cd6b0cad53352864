//! Serves the admin API and the console, and exports their metrics.

use std::sync::Arc;

use admin::{Admin, TestSending};
use anyhow::Context;
use console::{Console, RequestLabels};
use pages::PageSettings;
use runtime::Metrics;
use runtime::metrics::{Counter, Family, Histogram};
use service::Process;
use store::Database;
use tokio::net::TcpListener;
use tracing::info;
use web::{AccountLimit, AuthFailure, CallerLimits, RequestLimit, RequestObserver, ServedRequest, serve};

struct Requests {
    served: Family<RequestLabels, Histogram>,
    refused: Family<AuthFailure, Counter>,
}

impl Requests {
    fn new(metrics: &Metrics) -> Self {
        Self {
            served: metrics.histograms(
                "http_server_request_duration_seconds",
                "Response time of the admin API.",
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            ),
            refused: metrics.counters(
                "webhook_auth_failures_total",
                "Requests to the admin API and the console that were refused as not authenticated or not authorised, \
                 by reason.",
            ),
        }
    }
}

impl RequestObserver for Requests {
    fn served(&self, request: &ServedRequest<'_>) {
        self.served.with(request.into()).observe(request.duration.as_secs_f64());
    }

    fn refused(&self, reason: AuthFailure) {
        self.refused.with(reason).inc();
    }
}

/// Listens, and serves until shutdown. It responds before the database is reachable: with 503, which says so.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn start(process: &Process, database: &Database, test_sending: TestSending) -> anyhow::Result<()> {
    let settings = &process.settings;
    let console = Console {
        admin: Admin {
            database: database.clone(),
            address_policy: settings.egress.address_policy(),
            release_rate: settings.release.per_second,
            webhooks_per_account: settings.limits.webhooks_per_account.into(),
            egress_addresses: settings.egress.public_addresses(),
            check_limit: admin::check_limit(),
            largest_event: settings.events.max_bytes,
            test_sending,
        },
        limits: CallerLimits {
            per_caller: RequestLimit::per_minute(settings.api.per_minute),
            per_account: AccountLimit::of_pool(settings.database.pool_size),
        },
        base_path: settings.http.base_path.prefix().to_owned(),
        pages: PageSettings {
            public_url: settings.http.public_url.clone(),
            frame_ancestors: settings.http.frame_ancestors.clone(),
            identity_provider: settings.sso.provider.clone().map(Arc::new),
            retention_days: settings.retention.days,
            auto_pause_after: settings.auto_pause.after,
        },
        observer: Arc::new(Requests::new(&process.metrics)),
    };
    let listen = settings.http.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    info!(%listen, "the admin API and the console listen");
    process
        .tasks
        .spawn(serve(listener, console.router(), process.stop.clone()));
    Ok(())
}
