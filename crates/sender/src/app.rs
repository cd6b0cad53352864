//! Wiring: builds every part of a sender and connects them.

use std::sync::Arc;

use anyhow::Context;
use broker::Publisher;
use domain::{Lane, LaneBudgets};
use http::HeaderValue;
use outbound::{HickoryResolver, NameServerSource, Outbound, OutboundSettings};
use runtime::Program;
use service::Process;
use settings::Settings;
use store::PoolUse;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

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
    let process = Process::configure(Program::Sender, settings)?;
    let outbound = outbound(&process.settings)?;
    let sender = Sender {
        process: &process,
        outbound,
        metrics: Arc::new(SenderMetrics::new(
            &process.metrics,
            process.settings.sender.concurrency,
        )),
    };
    let pools = vec![(PoolUse::Work, process.database.clone())];
    process.run(pools, Box::pin(sender.start())).await
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

fn slot_limits(settings: &Settings) -> SlotLimits {
    let number = |size: usize| u32::try_from(size.max(1)).unwrap_or(u32::MAX);
    SlotLimits {
        all: number(settings.sender.concurrency),
        per_webhook: number(settings.sender.per_webhook_concurrency),
        per_host: number(settings.limits.per_host_concurrency),
        window: LANE_BYTES,
    }
}

struct Sender<'a> {
    process: &'a Process,
    outbound: Outbound,
    metrics: Arc<SenderMetrics>,
}

impl Sender<'_> {
    /// Waits for database and broker, checks both, and starts the work.
    async fn start(self) -> anyhow::Result<()> {
        let process = self.process;
        let settings = &process.settings;
        let stop = &process.stop;
        if !settings.egress.allow_networks.is_empty() {
            warn!(networks = ?settings.egress.allow_networks, "address policy: these non-public networks may be dialled");
        }
        make_room_for_sockets(settings.sender.concurrency);
        let changes_heard = process.readiness.condition("database");
        process.database.wait_until_usable().await?;
        // Cancelled at the end of the process: its tasks outlive the job loop, which records and publishes while it
        // finishes.
        let end = CancellationToken::new();
        let policy = settings.egress.address_policy();
        // Before waiting for the broker, so that `/readyz` names only what is missing.
        let slots = Slots::new(slot_limits(settings));
        let endpoints = Endpoints::follow(
            process.database.clone(),
            policy,
            slots.clone(),
            changes_heard,
            end.clone(),
        );
        process.broker.declare().await?;
        let egress = process.readiness.condition("egress");
        tokio::spawn(egress_health::follow(self.outbound.clone(), egress, stop.clone()));
        let publisher = process.broker.publisher(end);
        let deliverer = self.deliverer(endpoints, slots, publisher.clone());
        let tests = self.tests(publisher);
        process
            .tasks
            .spawn(tests.run(process.broker.consumer(TESTS), stop.clone()));
        let jobs = JobLoop {
            deliverer: Arc::new(deliverer),
            in_flight: InFlight::default(),
            retries: LaneBudgets::default(),
            tracker: TaskTracker::new(),
        };
        let [normal, bulk] =
            [Lane::Normal, Lane::Bulk].map(|lane| process.broker.consumer(intake(lane, settings.sender.concurrency)));
        process.tasks.spawn(jobs.run(JobQueues { normal, bulk }, stop.clone()));
        Ok(())
    }

    fn deliverer(&self, endpoints: Endpoints, slots: Slots, publisher: Publisher) -> Deliverer<LivePorts> {
        let database = &self.process.database;
        let settings = &self.process.settings;
        let auto_pause = AutoPauseGuard::new(settings.auto_pause, &self.metrics);
        let outage = DatabaseOutage::new(settings.sender.database_patience);
        let recorder = Recorder::start(
            database.clone(),
            auto_pause.clone(),
            Arc::clone(&self.metrics),
            outage.clone(),
        );
        Deliverer {
            ports: LivePorts {
                database: database.clone(),
                endpoints,
                outbound: self.outbound.clone(),
                recorder,
                publisher,
            },
            policy: settings.retry.clone(),
            slots,
            auto_pause,
            metrics: Arc::clone(&self.metrics),
            suspension: Suspension::watch(),
            stop: self.process.stop.clone(),
            outage,
        }
    }

    fn tests(self, publisher: Publisher) -> TestLoop {
        let runner = TestRunner {
            database: self.process.database.clone(),
            outbound: self.outbound,
            policy: self.process.settings.egress.address_policy(),
            metrics: self.metrics,
        };
        TestLoop {
            runner: Arc::new(runner),
            publisher,
        }
    }
}
