//! Metrics of a process's database connections.

use std::convert::Infallible;
use std::time::Duration;

use runtime::metrics::EnumLabel;
use runtime::periodic::Next;
use runtime::{Metrics, Periodic};
use strum::{IntoStaticStr, VariantArray};
use tokio_util::sync::CancellationToken;

use crate::database::Database;

/// The interval is shorter than Prometheus' usual 15 s between two scrapes. No round fails.
const POOLS: Periodic = Periodic {
    failure: "cannot count database connections",
    every: Duration::from_secs(5),
    after_failure: Duration::from_secs(5),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
enum ConnectionState {
    Idle,
    Used,
}

impl EnumLabel for ConnectionState {
    const NAME: &'static str = "state";
}

/// Purpose of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum PoolUse {
    /// Background work.
    Work,
    /// Requests of users.
    Requests,
}

impl EnumLabel for PoolUse {
    const NAME: &'static str = "pool";
}

/// Declares the metrics of the process's pools and updates them until `stop`. Once per process.
pub fn watch_pools(pools: Vec<(PoolUse, Database)>, metrics: &Metrics, stop: CancellationToken) {
    let most = metrics.gauges::<PoolUse>(
        "webhook_db_pool_connections_max",
        "Maximum database connections of this process (database.pool_size), by pool; only fanout has the pool for \
         requests.",
    );
    let connections = metrics.gauges::<(PoolUse, ConnectionState)>(
        "webhook_db_pool_connections",
        "Database connections of this process, by pool and state.",
    );
    for (pool, database) in &pools {
        most.with(*pool).set(database.pool_size() as f64);
    }
    tokio::spawn(async move {
        let update = || {
            for (pool, database) in &pools {
                let (used, idle) = database.pool_usage();
                connections.with((*pool, ConnectionState::Used)).set(used as f64);
                connections.with((*pool, ConnectionState::Idle)).set(idle as f64);
            }
            std::future::ready(Ok::<_, Infallible>(Next::Pause))
        };
        POOLS.run(stop, update).await;
    });
}
