//! Wiring: builds every part of fanout and connects them.

use std::sync::Arc;

use admin::TestSending;
use runtime::Program;
use service::Process;
use settings::Settings;
use store::{Database, PoolUse};
use tokio_util::sync::CancellationToken;

use crate::ask_sender::AskSender;
use crate::event_counts::EventCounts;
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
    let process = Process::configure(Program::Fanout, settings)?;
    let metrics = Arc::new(FanoutMetrics::new(&process.metrics));
    let mailer = Mailer::from_settings(&process.settings, &process.database, &metrics)?;
    let fanout = Fanout {
        process: &process,
        requests: process.database.for_requests(),
        metrics,
        mailer,
    };
    let pools = vec![
        (PoolUse::Work, process.database.clone()),
        (PoolUse::Requests, fanout.requests.clone()),
    ];
    process.run(pools, Box::pin(fanout.start())).await
}

struct Fanout<'a> {
    process: &'a Process,
    metrics: Arc<FanoutMetrics>,
    /// The pool for requests of users.
    requests: Database,
    mailer: Option<Mailer>,
}

impl Fanout<'_> {
    /// Serves the API, waits for database and broker, checks both, and starts the work.
    async fn start(mut self) -> anyhow::Result<()> {
        let process = self.process;
        let settings = &process.settings;
        let stop = &process.stop;
        serve_console::start(process, &self.requests, self.test_sending()).await?;
        let subscriptions_heard = process.readiness.condition("database");
        process.database.wait_until_usable().await?;
        // Before waiting for the broker, so that `/readyz` names only what is missing.
        let metrics = Arc::clone(&self.metrics);
        let subscriptions = Subscriptions::follow(process.database.clone(), metrics, subscriptions_heard, stop.clone());
        self.start_without_broker();
        process.broker.declare().await?;
        subscriptions.loaded().await;
        // Outlives the event loop, which publishes while it finishes; ends with the process.
        let publisher = process.broker.publisher(CancellationToken::new());
        let relay = Relay {
            database: process.database.clone(),
            publisher: publisher.clone(),
            rate: settings.release.per_second,
            lanes: Lanes::default(),
            metrics: Arc::clone(&self.metrics),
            largest_event: settings.events.max_bytes,
            stop: stop.clone(),
        };
        relay.start(&process.tasks);
        let event_counts = EventCounts::default();
        let writing = event_counts
            .clone()
            .write_periodically(process.database.clone(), stop.clone());
        process.tasks.spawn(writing);
        let event_loop = EventLoop {
            publisher,
            subscriptions,
            max_bytes: settings.events.max_bytes,
            metrics: Arc::clone(&self.metrics),
            recent: Arc::default(),
            budget: JobBudget::new(JOB_BYTES),
            lanes: Lanes::default(),
            event_counts,
            clock: process.database.clock(),
        };
        process
            .tasks
            .spawn(event_loop.run(process.broker.consumer(INTAKE), stop.clone()));
        Ok(())
    }

    fn start_without_broker(&mut self) {
        let process = self.process;
        let settings = &process.settings;
        let stop = &process.stop;
        let housekeeping = Housekeeping {
            database: process.database.clone(),
            retention_days: settings.retention.days,
            audit_days: settings.audit.days,
            metrics: Arc::clone(&self.metrics),
            stop: stop.clone(),
        };
        housekeeping.start(&process.tasks);
        let metrics = Arc::clone(&self.metrics);
        process
            .tasks
            .spawn(backlog::watch(process.database.clone(), metrics, stop.clone()));
        if let Some(mailer) = self.mailer.take() {
            process.tasks.spawn(mailer.run(stop.clone()));
        }
    }

    /// Ends with the process, like the API that asks.
    fn test_sending(&self) -> TestSending {
        let requester = self.process.broker.requester(CancellationToken::new());
        TestSending::by(Arc::new(AskSender::new(
            requester,
            self.process.settings.egress.timeout,
        )))
    }
}
