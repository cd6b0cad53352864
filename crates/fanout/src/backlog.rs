//! Showing how much waits. Every process shows the same numbers; dashboards take the largest.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::Database;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::metrics::{FanoutMetrics, Waiting};

/// As often as Prometheus usually scrapes.
const EVERY: Duration = Duration::from_secs(15);

/// Reads the backlog until `stop`. While the database is away the numbers stay, and their time says how old they are.
pub async fn watch(database: Database, metrics: Arc<FanoutMetrics>, stop: CancellationToken) {
    loop {
        match database.backlog().await {
            Ok(backlog) => {
                metrics.backlog.with(Waiting::Due).set(backlog.due as f64);
                metrics.backlog.with(Waiting::Scheduled).set(backlog.scheduled as f64);
                metrics.backlog.with(Waiting::Held).set(backlog.held as f64);
                metrics.oldest_due.set(backlog.oldest_due_seconds);
                metrics.backlog_read.set(Timestamp::now().as_second() as f64);
            }
            Err(error) => debug!(%error, "the backlog is not read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
