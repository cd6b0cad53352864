//! Every part of a sender and how they are put together.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use anyhow::Context;
use broker::{Connector, Consumer, Publisher, Telemetry, Topology, topology};
use http::HeaderValue;
use outbound::{EgressSettings, HickoryResolver, Outbound};
use runtime::{Metrics, Program, Readiness, Settings, TelemetryServer, logs, shutdown};
use store::Database;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::deliver::Deliverer;
use crate::in_flight::InFlight;
use crate::metrics::SenderMetrics;
use crate::record_outcome::Recorder;
use crate::run_test::TestRunner;
use crate::slots::Slots;
use crate::take_job::{JobLoop, prefetch};
use crate::take_test::{TESTS_AT_ONCE, TestLoop};
use crate::targets::Targets;

/// Files and sockets open at once that a sender asks for.
const OPEN_FILES: u64 = 16_384;

/// Runs until a signal; then stops the intake, finishes what is under way and ends.
///
/// # Errors
/// When something cannot be set up that waiting would not mend.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let connector = Connector::from_settings(&settings, Program::Sender)?;
    let database = Database::from_settings(&settings)?;
    let outbound = outbound(&settings)?;
    let (metrics, readiness) = (Metrics::new(), Readiness::new());
    logs::init(Program::Sender, &settings.log, &metrics)?;
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let parts = Parts {
        connector,
        topology: Topology::new(&settings.retry),
        broker_telemetry: Arc::new(Telemetry::new(&metrics, &readiness)),
        metrics: Arc::new(SenderMetrics::new(&metrics, settings.sender.concurrency)),
        database,
        readiness: readiness.clone(),
        stop: stop.clone(),
    };
    let _telemetry = TelemetryServer::start(settings.telemetry.listen, metrics.clone(), readiness.clone()).await?;
    store::watch_pools(vec![(store::PoolUse::Work, parts.database.clone())], &metrics, stop.clone());
    info!(version = runtime::VERSION, "sender started");
    if !settings.egress.allow_networks.is_empty() {
        warn!(networks = ?settings.egress.allow_networks, "addresses that are not public may be dialled");
    }
    make_room_for_sockets();
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
        warn!(%error, "what was not finished is handed back to the broker");
    }
    info!("sender stopped");
    started
}

/// The soft limit on open files is 1,024 on many systems, which requests in flight and idle connections fill at the
/// default settings; a socket beyond it would look like a receiver that cannot be reached.
fn make_room_for_sockets() {
    match rlimit::increase_nofile_limit(OPEN_FILES) {
        Ok(limit) if limit >= OPEN_FILES => {}
        Ok(limit) => warn!(limit, wanted = OPEN_FILES, "few files may be open at once; raise the hard limit (nofile)"),
        Err(error) => warn!(%error, "the limit on open files cannot be read"),
    }
}

fn outbound(settings: &Settings) -> anyhow::Result<Outbound> {
    let egress = &settings.egress;
    let user_agent = format!("EasyCRM-Webhooks/{}", runtime::VERSION);
    let outbound = EgressSettings {
        timeout: egress.timeout,
        connect_timeout: egress.connect_timeout,
        policy: egress.address_policy(),
        roots: egress.load_roots()?,
        proxy: egress.proxy.as_ref().map(|proxy| proxy.to_string().parse()).transpose()?,
        // Webhooks of many accounts may share a host, so that all requests in flight may be to one.
        max_idle_per_host: settings.sender.concurrency,
        idle_timeout: EgressSettings::IDLE_TIMEOUT,
        user_agent: HeaderValue::try_from(user_agent).expect("a version is visible ASCII"),
    };
    let resolver = HickoryResolver::from_system().context("cannot read the system's name server configuration")?;
    Ok(Outbound::new(outbound, Arc::new(resolver))?)
}

struct Parts {
    connector: Connector,
    topology: Topology,
    broker_telemetry: Arc<Telemetry>,
    metrics: Arc<SenderMetrics>,
    database: Database,
    readiness: Readiness,
    stop: CancellationToken,
}

impl Parts {
    /// Waits for database and broker, checks both, and starts the work.
    async fn start(&self, settings: &Settings, outbound: Outbound, tracker: &TaskTracker) -> anyhow::Result<()> {
        let changes_heard = self.readiness.condition("database");
        self.database.wait_until_usable().await?;
        // What ends with it outlives the loop, which records and publishes while it finishes, and ends with the process.
        let end = CancellationToken::new();
        let policy = settings.egress.address_policy();
        // Before the broker is waited for, so that `/readyz` names only what is missing.
        let targets = Targets::follow(self.database.clone(), policy, changes_heard, end.clone());
        self.topology.declare_when_reachable(&self.connector).await?;
        let deliverer = Deliverer {
            database: self.database.clone(),
            targets,
            outbound,
            policy: settings.retry.clone(),
            slots: Slots::new(settings.sender.concurrency, settings.sender.per_webhook_concurrency),
            recorder: Recorder::start(self.database.clone(), settings.auto_pause, Arc::clone(&self.metrics)),
            publisher: Publisher::start(self.connector.clone(), Arc::clone(&self.broker_telemetry), end),
            metrics: Arc::clone(&self.metrics),
            stop: self.stop.clone(),
            waiting_for_database: AtomicUsize::new(0),
        };
        tracker.spawn(self.tests(&deliverer, settings).run(self.test_consumer(), self.stop.clone()));
        let (deliverer, in_flight) = (Arc::new(deliverer), Arc::new(InFlight::default()));
        let jobs = JobLoop { deliverer, in_flight, tracker: TaskTracker::new() };
        let consumer = self.consumer(settings.sender.concurrency);
        tracker.spawn(jobs.run(consumer, self.stop.clone()));
        Ok(())
    }

    fn tests(&self, deliverer: &Deliverer, settings: &Settings) -> TestLoop {
        let runner = TestRunner {
            database: self.database.clone(),
            outbound: deliverer.outbound.clone(),
            policy: settings.egress.address_policy(),
            metrics: Arc::clone(&self.metrics),
        };
        TestLoop { runner: Arc::new(runner), publisher: deliverer.publisher.clone() }
    }

    fn test_consumer(&self) -> Consumer {
        let (connector, topology) = (self.connector.clone(), self.topology.clone());
        let telemetry = Arc::clone(&self.broker_telemetry);
        Consumer::new(connector, topology, telemetry, topology::TESTS, TESTS_AT_ONCE).for_tests()
    }

    fn consumer(&self, concurrency: usize) -> Consumer {
        let (connector, topology) = (self.connector.clone(), self.topology.clone());
        let telemetry = Arc::clone(&self.broker_telemetry);
        Consumer::new(connector, topology, telemetry, topology::DELIVERIES, prefetch(concurrency))
    }
}
