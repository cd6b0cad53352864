//! What a process shows of its database connections.

use std::time::Duration;

use runtime::Metrics;
use runtime::metrics::Label;
use tokio_util::sync::CancellationToken;

use crate::database::Database;

/// Shorter than Prometheus' usual 15 s between two scrapes.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionState {
    Idle,
    Used,
}

impl Label for ConnectionState {
    const NAME: &'static str = "state";

    fn all() -> &'static [Self] {
        &[Self::Idle, Self::Used]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Used => "used",
        }
    }
}

/// Declares the metrics of the process' pools together and keeps them up to date until `stop`. Once per process.
pub fn watch_pools(databases: Vec<Database>, metrics: &Metrics, stop: CancellationToken) {
    let most = metrics.gauge("webhook_db_pool_connections_max", "Database connections this process opens at most.");
    most.set(databases.iter().map(Database::pool_size).sum::<usize>() as f64);
    let connections = metrics
        .gauges::<ConnectionState>("webhook_db_pool_connections", "Database connections of this process, by state.");
    tokio::spawn(async move {
        loop {
            let usages = databases.iter().map(Database::pool_usage);
            let (used, idle) = usages.fold((0, 0), |(used, idle), pool| (used + pool.0, idle + pool.1));
            connections.with(ConnectionState::Used).set(used as f64);
            connections.with(ConnectionState::Idle).set(idle as f64);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    });
}
