//! Wiring: builds every part of fanout and connects them.

use std::sync::Arc;

use admin::TestSending;
use anyhow::Context;
use broker::{Broker, Connector, Telemetry, Topology};
use runtime::{Metrics, Program, Readiness, TelemetryServer, logs, shutdown};
use settings::Settings;
use store::{Database, PoolUse};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::ask_sender::AskSender;
use crate::housekeeping::Housekeeping;
use crate::job_budget::JobBudget;
use crate::lanes::Lanes;
use crate::mail::Mailer;
use crate::metrics::FanoutMetrics;
use crate::receive_event::{EventLoop, INTAKE};
use crate::relay::Relay;
use crate::subscriptions::Subscriptions;
use crate::{backlog, serve_console};

/// Byte budget of jobs in flight to the broker.
const JOB_BYTES: usize = 64 * 1024 * 1024;

/// Runs until a signal, then shuts down gracefully.
///
/// # Errors
/// When a part cannot be set up and waiting would not help.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let connector = Connector::from_settings(&settings.amqp, Program::Fanout.name());
    let database = Database::from_settings(&settings.database, settings.secrets.clone())?;
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    logs::init(Program::Fanout, &settings.log, &metrics)?;
    let parts = Parts {
        broker: Broker::new(
            connector,
            Topology::new(&settings.retry),
            Telemetry::new(&metrics, &readiness),
        ),
        metrics: Arc::new(FanoutMetrics::new(&metrics)),
        database,
        readiness: readiness.clone(),
    };
    let mailer = Mailer::from_settings(&settings, &parts.database, &parts.metrics)?;
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let _telemetry = TelemetryServer::start(settings.telemetry.listen, metrics.clone(), readiness.clone()).await?;
    let tracker = TaskTracker::new();
    let api_stop = CancellationToken::new();
    let for_requests = parts.database.for_requests();
    serve_console::start(
        &settings,
        &for_requests,
        parts.test_sending(&settings),
        &metrics,
        &tracker,
        api_stop.clone(),
    )
    .await?;
    let pools = vec![
        (PoolUse::Work, parts.database.clone()),
        (PoolUse::Requests, for_requests),
    ];
    store::watch_pools(pools, &metrics, stop.clone());
    store::watch_clock(parts.database.clone(), &metrics, stop.clone());
    for warning in settings.warnings() {
        tracing::warn!(%warning, "suspicious setting");
    }
    info!(version = runtime::VERSION, "fanout started");

    let worked = tokio::select! {
        () = stop.cancelled() => Ok(()),
        started = parts.start(&settings, mailer, &tracker, &stop) => started,
    };
    if worked.is_ok() {
        stop.cancelled().await;
    }
    readiness.shut_down();
    stop.cancel();
    api_stop.cancel();
    if let Err(error) = shutdown::drain(&tracker, settings.shutdown.grace).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "shutdown grace period exceeded: unfinished messages go back to the broker"
        );
    }
    info!("fanout stopped");
    worked
}

struct Parts {
    broker: Broker,
    metrics: Arc<FanoutMetrics>,
    database: Database,
    readiness: Readiness,
}

impl Parts {
    /// Waits for database and broker, checks both, and starts the work.
    async fn start(
        &self,
        settings: &Settings,
        mailer: Option<Mailer>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let subscriptions_heard = self.readiness.condition("database");
        self.database.wait_until_usable().await?;
        // Before waiting for the broker, so that `/readyz` names only what is missing.
        let metrics = Arc::clone(&self.metrics);
        let stop_following = stop.clone();
        let subscriptions = Subscriptions::follow(self.database.clone(), metrics, subscriptions_heard, stop_following);
        self.start_without_broker(settings, mailer, tracker, stop);
        self.broker.declare().await?;
        subscriptions.loaded().await;
        // Outlives the event loop, which publishes while it finishes; ends with the process.
        let publisher = self.broker.publisher(CancellationToken::new());
        let relay = Relay {
            database: self.database.clone(),
            publisher: publisher.clone(),
            rate: settings.release.per_second,
            lanes: Lanes::default(),
            metrics: Arc::clone(&self.metrics),
            largest_event: settings.events.max_bytes,
            stop: stop.clone(),
        };
        relay.start(tracker);
        let event_loop = EventLoop {
            publisher,
            subscriptions,
            max_bytes: settings.events.max_bytes,
            metrics: Arc::clone(&self.metrics),
            recent: Arc::default(),
            budget: JobBudget::new(JOB_BYTES),
            lanes: Lanes::default(),
            clock: self.database.clock(),
        };
        tracker.spawn(event_loop.run(self.broker.consumer(INTAKE), stop.clone()));
        Ok(())
    }

    fn start_without_broker(
        &self,
        settings: &Settings,
        mailer: Option<Mailer>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let housekeeping = Housekeeping {
            database: self.database.clone(),
            retention_days: settings.retention.days,
            audit_days: settings.audit.days,
            metrics: Arc::clone(&self.metrics),
            stop: stop.clone(),
        };
        housekeeping.start(tracker);
        tracker.spawn(backlog::watch(
            self.database.clone(),
            Arc::clone(&self.metrics),
            stop.clone(),
        ));
        if let Some(mailer) = mailer {
            tracker.spawn(mailer.run(stop.clone()));
        }
    }

    /// Ends with the process, like the API that asks.
    fn test_sending(&self, settings: &Settings) -> TestSending {
        let requester = self.broker.requester(CancellationToken::new());
        TestSending::by(Arc::new(AskSender::new(requester, settings.egress.timeout)))
    }
}
