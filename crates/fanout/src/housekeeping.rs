//! Periodic tasks: creates partitions ahead, applies the retention, compacts counters. Every process tries; the
//! database grants exclusive tasks to one process at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use pages::SESSION_LIMITS;
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::metrics::FanoutMetrics;

/// Interval of partition creation (seven days ahead, so that a week of failures does no harm) and of the retention.
const EVERY: Duration = Duration::from_secs(3600);
/// After a failure to create partitions.
const AGAIN: Duration = Duration::from_secs(30);
/// After a failure of the retention: mostly because of a long read, such as a backup.
const LATER: Duration = Duration::from_secs(300);
/// Interval of compacting counters, and of superseding notifications of flapping webhooks. A delay makes reading them
/// slower, not wrong.
const SUMS_EVERY: Duration = Duration::from_secs(10);

/// The parts of housekeeping.
#[derive(Clone)]
pub struct Housekeeping {
    pub database: Database,
    /// Retention of the delivery log, in days.
    pub retention_days: u16,
    /// Retention of the audit trail, in days.
    pub audit_days: u16,
    pub metrics: Arc<FanoutMetrics>,
    pub stop: CancellationToken,
}

impl Housekeeping {
    /// Starts all tasks; they end with `stop`. They are independent: a partition that cannot be dropped must not
    /// prevent the creation of the next.
    pub fn start(self, tracker: &TaskTracker) {
        tracker.spawn(self.clone().make_partitions());
        tracker.spawn(self.clone().forget());
        tracker.spawn(self.sum_up());
    }

    async fn make_partitions(self) {
        loop {
            let pause = match self.partitions().await {
                Ok(()) => EVERY,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "cannot create log partitions; retrying");
                    AGAIN
                }
            };
            if !self.pause(pause).await {
                return;
            }
        }
    }

    async fn partitions(&self) -> Result<(), StoreError> {
        let made = self.database.create_partitions_ahead().await;
        // Also after a failed creation: the number of remaining partitions then matters.
        self.show_range().await?;
        made?;
        self.metrics.housekeeping.set(Timestamp::now().as_second() as f64);
        Ok(())
    }

    async fn show_range(&self) -> Result<(), StoreError> {
        if let Some((oldest, newest)) = self.database.partition_range().await? {
            self.metrics.oldest_partition.set(begin(oldest));
            self.metrics.newest_partition.set(begin(newest));
        }
        Ok(())
    }

    async fn forget(self) {
        loop {
            let pause = match self.forget_once().await {
                Ok(()) => EVERY,
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "retention: cannot delete all expired data; retrying"
                    );
                    LATER
                }
            };
            if !self.pause(pause).await {
                return;
            }
        }
    }

    async fn forget_once(&self) -> Result<(), StoreError> {
        let database = &self.database;
        let short_lived = database.forget_expired_secrets().await?
            + database.forget_old_test_requests().await?
            + database.forget_old_idempotency_keys().await?
            + database.forget_used_tickets().await?
            + database.forget_ended_sessions(SESSION_LIMITS).await?
            + database.forget_old_audit_entries(self.audit_days).await?;
        if let Some(forgotten) = database.forget_past(self.retention_days).await? {
            let days = forgotten.days.len();
            info!(
                days,
                rows = forgotten.rows + short_lived,
                "retention: expired partitions dropped and expired rows deleted"
            );
        }
        self.show_range().await
    }

    async fn sum_up(self) {
        let mut failing = false;
        loop {
            let summed = self.sum_up_once().await;
            if let Err(error) = &summed
                && !failing
            {
                warn!(
                    error = error as &dyn std::error::Error,
                    "cannot compact counters and delete expired notifications; retrying"
                );
            }
            failing = summed.is_err();
            if !self.pause(SUMS_EVERY).await {
                return;
            }
        }
    }

    async fn sum_up_once(&self) -> Result<(), StoreError> {
        self.database.supersede_notifications().await?;
        self.database.sum_up_counts().await.map(drop)
    }

    /// False at shutdown.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// The first moment of a UTC day, as Unix time in seconds.
fn begin(day: Date) -> f64 {
    day.to_zoned(TimeZone::UTC).map_or(0.0, |begin| begin.timestamp().as_second() as f64)
}
