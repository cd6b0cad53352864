//! Exports the backlog as metrics. Every process exports the same numbers; dashboards aggregate with max.

use std::sync::Arc;
use std::time::Duration;

use domain::WebhookStatus;
use jiff::Timestamp;
use runtime::Periodic;
use runtime::periodic::Next;
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;

use crate::metrics::{BacklogMetrics, FanoutMetrics, StatusLabel, Waiting};

/// The interval is Prometheus' usual one between two scrapes. While the database is unavailable the last snapshot stays, and its timestamp shows its
/// age.
const SNAPSHOT: Periodic = Periodic {
    failure: "cannot read the backlog snapshot",
    every: Duration::from_secs(15),
    after_failure: Duration::from_secs(15),
};

/// Reads the backlog until `stop`.
pub async fn watch(database: Database, metrics: Arc<FanoutMetrics>, stop: CancellationToken) {
    SNAPSHOT.run(stop, || read(&database, &metrics.backlog)).await;
}

async fn read(database: &Database, metrics: &BacklogMetrics) -> Result<Next, StoreError> {
    let statuses = database.webhook_statuses().await?;
    for (status, webhooks) in [
        (WebhookStatus::Active, statuses.active),
        (WebhookStatus::Paused, statuses.paused),
        (WebhookStatus::Error, statuses.error),
    ] {
        metrics.webhooks.with(StatusLabel(status)).set(webhooks as f64);
    }
    let backlog = database.backlog().await?;
    for (waiting, deliveries) in [
        (Waiting::Due, backlog.due),
        (Waiting::Scheduled, backlog.scheduled),
        (Waiting::Held, backlog.held),
        (Waiting::Spilled, backlog.spilled),
    ] {
        metrics.deliveries.with(waiting).set(deliveries as f64);
    }
    metrics.oldest_due.set(backlog.oldest_due_seconds);
    metrics.read.set(Timestamp::now().as_second() as f64);
    Ok(Next::Pause)
}
