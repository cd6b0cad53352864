//! What has to be done now and then: partitions made ahead, what is past forgotten, counts summed up. Every process
//! tries; what only one at a time may do, the database grants to one.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::metrics::FanoutMetrics;

/// The coming week's partitions are made sure of this often, so a week of failures goes by before one is missing. What
/// is past is forgotten as often.
const EVERY: Duration = Duration::from_secs(3600);
/// After a failure to make partitions.
const AGAIN: Duration = Duration::from_secs(30);
/// After a failure to forget: most often something long is being read, such as a backup.
const LATER: Duration = Duration::from_secs(300);
/// How often counts are summed up. What is not summed up makes reading them slower, and not wrong.
const SUMS_EVERY: Duration = Duration::from_secs(10);

/// What housekeeping needs.
#[derive(Clone)]
pub struct Housekeeping {
    /// What is kept in order.
    pub database: Database,
    /// Days of the log that are kept.
    pub retention_days: u16,
    /// What is told to Prometheus.
    pub metrics: Arc<FanoutMetrics>,
    /// When to end.
    pub stop: CancellationToken,
}

impl Housekeeping {
    /// Starts all tasks; they end with `stop`. None of them waits for another: a day that cannot be dropped must not
    /// keep the next from being made.
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
                    warn!(error, "the coming days' log partitions are not made sure of; trying again");
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
        // Also shown when none could be made: how many are left is then what counts.
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
                    warn!(error = &error as &dyn std::error::Error, "what is past is not all forgotten; trying again");
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
            + database.forget_used_tickets().await?;
        if let Some(forgotten) = database.forget_past(Timestamp::now(), self.retention_days).await? {
            let days = forgotten.days.len();
            info!(days, rows = forgotten.rows + short_lived, "what is past is forgotten");
        }
        self.show_range().await
    }

    async fn sum_up(self) {
        let mut failing = false;
        loop {
            let summed = self.database.sum_up_counts().await;
            if let Err(error) = &summed
                && !failing
            {
                warn!(error = error as &dyn std::error::Error, "counts are not summed up; trying again");
            }
            failing = summed.is_err();
            if !self.pause(SUMS_EVERY).await {
                return;
            }
        }
    }

    /// False when it is time to end.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// A UTC day's first moment, in seconds of Unix time.
fn begin(day: Date) -> f64 {
    day.to_zoned(TimeZone::UTC).map_or(0.0, |begin| begin.timestamp().as_second() as f64)
}
