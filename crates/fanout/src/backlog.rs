//! Showing how much waits. Every process shows the same numbers; dashboards take the largest.

use std::sync::Arc;
use std::time::Duration;

use domain::WebhookStatus;
use jiff::Timestamp;
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::metrics::{FanoutMetrics, StatusLabel, Waiting};

/// As often as Prometheus usually scrapes.
const EVERY: Duration = Duration::from_secs(15);

/// Reads the backlog until `stop`. While the database is away the numbers stay, and their time says how old they are.
pub async fn watch(database: Database, metrics: Arc<FanoutMetrics>, stop: CancellationToken) {
    loop {
        if let Err(error) = read(&database, &metrics).await {
            debug!(%error, "the backlog is not read");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn read(database: &Database, metrics: &FanoutMetrics) -> Result<(), StoreError> {
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
        metrics.backlog.with(waiting).set(deliveries as f64);
    }
    metrics.oldest_due.set(backlog.oldest_due_seconds);
    metrics.backlog_read.set(Timestamp::now().as_second() as f64);
    Ok(())
}
