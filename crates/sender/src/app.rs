//! Wiring: builds every part of a sender and connects them.

use std::sync::Arc;

use anyhow::Context;
use broker::{Broker, Connector, Telemetry, Topology};
use domain::{Lane, LaneBudgets};
use http::HeaderValue;
use outbound::{HickoryResolver, NameServerSource, Outbound, OutboundSettings};
use runtime::{Metrics, Program, Readiness, TelemetryServer, logs, shutdown};
use settings::Settings;
use store::Database;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::auto_pause::AutoPauseGuard;
use crate::database_outage::DatabaseOutage;
use crate::deliver::Deliverer;
use crate::egress_health;
use crate::endpoints::Endpoints;
use crate::in_flight::InFlight;
use crate::metrics::SenderMetrics;
use crate::ports::LivePorts;
use crate::record_outcome::Recorder;
use crate::run_test::TestRunner;
use crate::slots::{SlotLimits, Slots};
use crate::suspension::Suspension;
use crate::take_job::{JobLoop, JobQueues, LANE_BYTES, intake};
use crate::take_test::{TESTS, TestLoop};

/// Minimum limit on open files that a sender requests.
const OPEN_FILES: u64 = 16_384;
/// Sockets that a request in flight may need: its connection, an idle one kept for its host, and two DNS queries.
const SOCKETS_PER_REQUEST: u64 = 4;

/// Runs until a signal, then shuts down gracefully.
///
/// # Errors
/// When a part cannot be set up and waiting would not help.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let connector = Connector::from_settings(&settings.amqp, Program::Sender.name());
    let database = Database::from_settings(&settings.database, settings.secrets.clone())?;
    let outbound = outbound(&settings)?;
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    logs::init(Program::Sender, &settings.log, &metrics)?;
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let parts = Parts {
        broker: Broker::new(
            connector,
            Topology::new(&settings.retry),
            Telemetry::new(&metrics, &readiness),
        ),
        metrics: Arc::new(SenderMetrics::new(&metrics, settings.sender.concurrency)),
        database,
        readiness: readiness.clone(),
        stop: stop.clone(),
    };
    let _telemetry = TelemetryServer::start(settings.telemetry.listen, metrics.clone(), readiness.clone()).await?;
    store::watch_pools(
        vec![(store::PoolUse::Work, parts.database.clone())],
        &metrics,
        stop.clone(),
    );
    store::watch_clock(parts.database.clone(), &metrics, stop.clone());
    info!(version = runtime::VERSION, "sender started");
    for warning in settings.warnings() {
        warn!(%warning, "suspicious setting");
    }
    if !settings.egress.allow_networks.is_empty() {
        warn!(networks = ?settings.egress.allow_networks, "address policy: these non-public networks may be dialled");
    }
    make_room_for_sockets(settings.sender.concurrency);
    let tracker = TaskTracker::new();
    let started = tokio::select! {
        () = stop.cancelled() => Ok(()),
        started = parts.start(&settings, outbound, &tracker) => started,
    };
    if started.is_ok() {
        stop.cancelled().await;
    }
    readiness.shut_down();
    stop.cancel();
    if let Err(error) = shutdown::drain(&tracker, settings.shutdown.grace).await {
        warn!(
            error = &error as &dyn std::error::Error,
            "shutdown grace period exceeded: unfinished messages go back to the broker"
        );
    }
    info!("sender stopped");
    started
}

/// The soft limit on open files is 1,024 on many systems, which requests in flight and idle connections reach at the
/// default settings; a missing socket would look like an unreachable receiver.
fn make_room_for_sockets(concurrency: usize) {
    let wanted = OPEN_FILES.max((concurrency as u64).saturating_mul(SOCKETS_PER_REQUEST));
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit >= wanted => {}
        Ok(limit) => warn!(
            limit,
            wanted, "the limit on open files is too low; raise the hard limit (nofile)"
        ),
        Err(error) => warn!(
            error = &error as &dyn std::error::Error,
            "cannot read the limit on open files"
        ),
    }
}

fn outbound(settings: &Settings) -> anyhow::Result<Outbound> {
    let egress = &settings.egress;
    let user_agent = format!("EasyCRM-Webhooks/{}", runtime::VERSION);
    let roots = outbound::load_roots(&egress.extra_roots)?;
    let outbound = OutboundSettings {
        timeout: egress.timeout,
        connect_timeout: egress.connect_timeout,
        policy: egress.address_policy(),
        roots,
        proxy: egress.proxy.clone(),
        max_idle: settings.sender.concurrency,
        idle_timeout: OutboundSettings::IDLE_TIMEOUT,
        user_agent: HeaderValue::try_from(user_agent).expect("a version is visible ASCII"),
    };
    let name_servers = NameServerSource {
        addresses: egress.name_servers.clone(),
        ..NameServerSource::default()
    };
    // Shorter than the connect timeout, which would end a lookup without telling the cause.
    let lookup_timeout = HickoryResolver::LOOKUP_TIMEOUT.min(egress.connect_timeout * 4 / 5);
    let resolver = HickoryResolver::new(name_servers, lookup_timeout)
        .context("cannot read the system's name server configuration")?;
    Ok(Outbound::new(outbound, Arc::new(resolver))?)
}

struct Parts {
    broker: Broker,
    metrics: Arc<SenderMetrics>,
    database: Database,
    readiness: Readiness,
    stop: CancellationToken,
}

fn slot_limits(settings: &Settings) -> SlotLimits {
    let number = |size: usize| u32::try_from(size.max(1)).unwrap_or(u32::MAX);
    SlotLimits {
        all: number(settings.sender.concurrency),
        per_webhook: number(settings.sender.per_webhook_concurrency),
        per_host: number(settings.limits.per_host_concurrency),
        window: LANE_BYTES,
    }
}

impl Parts {
    /// Waits for database and broker, checks both, and starts the work.
    async fn start(&self, settings: &Settings, outbound: Outbound, tracker: &TaskTracker) -> anyhow::Result<()> {
        let changes_heard = self.readiness.condition("database");
        self.database.wait_until_usable().await?;
        // Cancelled at the end of the process: its tasks outlive the job loop, which records and publishes while it
        // finishes.
        let end = CancellationToken::new();
        let policy = settings.egress.address_policy();
        // Before waiting for the broker, so that `/readyz` names only what is missing.
        let slots = Slots::new(slot_limits(settings));
        let endpoints = Endpoints::follow(self.database.clone(), policy, slots.clone(), changes_heard, end.clone());
        self.broker.declare().await?;
        let egress = self.readiness.condition("egress");
        tokio::spawn(egress_health::follow(outbound.clone(), egress, self.stop.clone()));
        let auto_pause = AutoPauseGuard::new(settings.auto_pause, &self.metrics);
        let outage = DatabaseOutage::new(settings.sender.database_patience);
        let deliverer = Deliverer {
            ports: LivePorts {
                database: self.database.clone(),
                endpoints,
                outbound,
                recorder: Recorder::start(
                    self.database.clone(),
                    auto_pause.clone(),
                    Arc::clone(&self.metrics),
                    outage.clone(),
                ),
                publisher: self.broker.publisher(end),
            },
            policy: settings.retry.clone(),
            slots,
            auto_pause,
            metrics: Arc::clone(&self.metrics),
            suspension: Suspension::watch(),
            stop: self.stop.clone(),
            outage,
        };
        tracker.spawn(
            self.tests(&deliverer, settings)
                .run(self.broker.consumer(TESTS), self.stop.clone()),
        );
        let deliverer = Arc::new(deliverer);
        let in_flight = InFlight::default();
        let jobs = JobLoop {
            deliverer,
            in_flight,
            retries: LaneBudgets::default(),
            tracker: TaskTracker::new(),
        };
        let [normal, bulk] =
            [Lane::Normal, Lane::Bulk].map(|lane| self.broker.consumer(intake(lane, settings.sender.concurrency)));
        tracker.spawn(jobs.run(JobQueues { normal, bulk }, self.stop.clone()));
        Ok(())
    }

    fn tests(&self, deliverer: &Deliverer<LivePorts>, settings: &Settings) -> TestLoop {
        let runner = TestRunner {
            database: self.database.clone(),
            outbound: deliverer.ports.outbound.clone(),
            policy: settings.egress.address_policy(),
            metrics: Arc::clone(&self.metrics),
        };
        TestLoop {
            runner: Arc::new(runner),
            publisher: deliverer.ports.publisher.clone(),
        }
    }
}
