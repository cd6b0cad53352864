//! Periodic tasks: creates partitions ahead, applies the retention, builds missing indexes, compacts counters. Every process tries; the
//! database grants exclusive tasks to one process at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use pages::SESSION_LIMITS;
use runtime::Periodic;
use runtime::periodic::Next;
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::metrics::FanoutMetrics;

/// Partitions are created seven days ahead, so a week of failures does no harm.
const PARTITIONS: Periodic = Periodic {
    failure: "cannot create log partitions",
    every: Duration::from_secs(3600),
    after_failure: Duration::from_secs(30),
};
/// The retention fails mostly because of a long read, such as a backup.
const RETENTION: Periodic = Periodic {
    failure: "retention: cannot delete all expired data",
    every: Duration::from_secs(3600),
    after_failure: Duration::from_secs(300),
};
/// Each webhook is notified about once a day.
const HELD_EXPIRY: Periodic = Periodic {
    failure: "cannot notify of held deliveries that are about to expire",
    every: Duration::from_secs(3600),
    after_failure: Duration::from_secs(300),
};
/// Has work after an update only. It fails because of a long read, such as a backup.
const SEARCH_INDEXES: Periodic = Periodic {
    failure: "cannot build the indexes of searches on all partitions",
    every: Duration::from_secs(3600),
    after_failure: Duration::from_secs(300),
};
/// Compacts counters, and supersedes notifications of flapping webhooks. A delay makes reading them slower, not wrong.
const COMPACTION: Periodic = Periodic {
    failure: "cannot compact counters and delete expired notifications",
    every: Duration::from_secs(10),
    after_failure: Duration::from_secs(10),
};

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
        tracker.spawn(self.clone().partitions());
        tracker.spawn(self.clone().retention());
        tracker.spawn(self.clone().search_indexes());
        tracker.spawn(self.clone().held_expiry());
        tracker.spawn(self.compaction());
    }

    async fn partitions(self) {
        PARTITIONS.run(self.stop.clone(), || self.make_partitions()).await;
    }

    async fn make_partitions(&self) -> Result<Next, StoreError> {
        let made = self.database.create_partitions_ahead().await;
        // Also after a failed creation: the number of remaining partitions then matters.
        self.show_range().await?;
        made?;
        self.metrics.housekeeping.set(Timestamp::now().as_second() as f64);
        Ok(Next::Pause)
    }

    async fn show_range(&self) -> Result<(), StoreError> {
        if let Some((oldest, newest)) = self.database.partition_range().await? {
            self.metrics.oldest_partition.set(begin(oldest));
            self.metrics.newest_partition.set(begin(newest));
        }
        Ok(())
    }

    async fn retention(self) {
        RETENTION.run(self.stop.clone(), || self.remove_expired()).await;
    }

    async fn remove_expired(&self) -> Result<Next, StoreError> {
        let database = &self.database;
        let short_lived = database.delete_expired_secrets().await?
            + database.delete_old_test_requests().await?
            + database.delete_old_idempotency_keys().await?
            + database.delete_used_sso_tokens().await?
            + database.delete_ended_sessions(SESSION_LIMITS).await?
            + database.delete_old_audit_entries(self.audit_days).await?
            + database.delete_old_event_counts().await?;
        if let Some(removed) = database.apply_retention(self.retention_days).await? {
            let days = removed.days.len();
            info!(
                days,
                rows = removed.rows + short_lived,
                "retention: expired partitions dropped and expired rows deleted"
            );
        }
        self.show_range().await?;
        Ok(Next::Pause)
    }

    async fn held_expiry(self) {
        HELD_EXPIRY.run(self.stop.clone(), || self.notify_held_expiring()).await;
    }

    async fn notify_held_expiring(&self) -> Result<Next, StoreError> {
        let notified = self.database.notify_held_expiring(self.retention_days).await?;
        if notified > 0 {
            info!(
                webhooks = notified,
                "held deliveries expire within 3 days: administrators notified"
            );
        }
        Ok(Next::Pause)
    }

    /// A build takes minutes: at shutdown it is abandoned, and begun again by the next process.
    async fn search_indexes(self) {
        let build = || async { self.database.build_search_indexes().await.map(|_| Next::Pause) };
        let building = SEARCH_INDEXES.run(self.stop.clone(), build);
        self.stop.run_until_cancelled(building).await;
    }

    async fn compaction(self) {
        COMPACTION.run(self.stop.clone(), || self.sum_up()).await;
    }

    async fn sum_up(&self) -> Result<Next, StoreError> {
        self.database.supersede_notifications().await?;
        self.database.sum_up_counts().await?;
        Ok(Next::Pause)
    }
}

/// The first moment of a UTC day, as Unix time in seconds.
fn begin(day: Date) -> f64 {
    day.to_zoned(TimeZone::UTC)
        .map_or(0.0, |begin| begin.timestamp().as_second() as f64)
}
