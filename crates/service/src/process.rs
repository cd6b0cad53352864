//! A process in four phases: configure, start, run until a signal, drain.

use anyhow::Context;
use broker::{Broker, Connector, Telemetry, Topology};
use runtime::telemetry_server::ListenError;
use runtime::{Metrics, Program, Readiness, TelemetryServer, logs, shutdown};
use settings::Settings;
use store::{Database, PoolUse};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// What the parts of a process share.
pub struct Process {
    /// The effective settings.
    pub settings: Settings,
    /// The broker. Nothing is connected yet.
    pub broker: Broker,
    /// The pool for background work. Nothing is connected yet.
    pub database: Database,
    /// All metrics of the process.
    pub metrics: Metrics,
    /// All readiness conditions of the process.
    pub readiness: Readiness,
    /// Cancelled at shutdown, to end the intake of new work.
    pub stop: CancellationToken,
    /// The work in progress, which a shutdown waits for.
    pub tasks: TaskTracker,
    program: Program,
}

impl Process {
    /// Builds what the settings describe, begins to log, and to listen for signals. Binds no port and connects to nothing.
    ///
    /// # Errors
    /// When a setting can never work.
    pub fn configure(program: Program, settings: Settings) -> anyhow::Result<Self> {
        let connector = Connector::from_settings(&settings.amqp, program.name());
        let database = Database::from_settings(&settings.database, settings.secrets.clone())?;
        let metrics = Metrics::new();
        let readiness = Readiness::new();
        let telemetry = Telemetry::new(&metrics, &readiness);
        logs::init(program, &settings.log, &metrics)?;
        let stop = shutdown::on_signal().context("cannot listen for signals")?;
        Ok(Self {
            broker: Broker::new(connector, Topology::new(&settings.retry), telemetry),
            settings,
            database,
            metrics,
            readiness,
            stop,
            tasks: TaskTracker::new(),
            program,
        })
    }

    /// Starts the process, runs its work until a signal, and drains it. `work` waits for the servers it needs and starts
    /// its tasks; `pools` are those of the database, for their metrics.
    ///
    /// # Errors
    /// When a part cannot be set up and waiting would not help.
    pub async fn run(
        &self,
        pools: Vec<(PoolUse, Database)>,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        // Responds until the end, so that it reports the shutdown.
        let _telemetry = self.start(pools).await?;
        let worked = self.run_until_stop(work).await;
        self.drain().await;
        worked
    }

    async fn start(&self, pools: Vec<(PoolUse, Database)>) -> Result<TelemetryServer, ListenError> {
        let listen = self.settings.telemetry.listen;
        let telemetry = TelemetryServer::start(listen, self.metrics.clone(), self.readiness.clone()).await?;
        store::watch_pools(pools, &self.metrics, self.stop.clone());
        store::watch_clock(self.database.clone(), &self.metrics, self.stop.clone());
        info!(version = runtime::VERSION, "{} started", self.program);
        for warning in self.settings.warnings() {
            warn!(%warning, "suspicious setting");
        }
        Ok(telemetry)
    }

    async fn run_until_stop(&self, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            started = work => started?,
        }
        self.stop.cancelled().await;
        Ok(())
    }

    async fn drain(&self) {
        self.readiness.shut_down();
        // A part that could not be started stops the others.
        self.stop.cancel();
        if let Err(error) = shutdown::drain(&self.tasks, self.settings.shutdown.grace).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "shutdown grace period exceeded: unfinished messages go back to the broker"
            );
        }
        info!("{} stopped", self.program);
    }
}
