//! What has to be done now and then, whoever does it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::Database;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::metrics::FanoutMetrics;

/// The coming week's partitions are made sure of this often, so a week of failures goes by before one is missing.
const EVERY: Duration = Duration::from_secs(3600);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(30);

/// Runs until `stop`. Every process does it: making a partition that exists does nothing.
pub async fn run(database: Database, metrics: Arc<FanoutMetrics>, stop: CancellationToken) {
    loop {
        let pause = match database.create_partitions_ahead().await {
            Ok(()) => {
                metrics.housekeeping.set(Timestamp::now().as_second() as f64);
                EVERY
            }
            Err(error) => {
                warn!(%error, "the coming days' log partitions are not made sure of; trying again");
                AGAIN
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
