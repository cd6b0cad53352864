//! Reconciler: publishes again what the broker lost: its volume was lost, a queue was purged, or a delay queue does not
//! dead-letter messages that expired while the broker was down (RabbitMQ 3.10 until something touches it).

use std::time::Duration;

use jiff::SignedDuration;
use runtime::Periodic;
use runtime::periodic::Next;
use store::StoreError;
use tracing::info;

use super::{Relay, publish_in_parts};

const EVERY: Duration = Duration::from_secs(30);
const OVERDUE_RETRIES: Periodic = Periodic {
    failure: "reconcile: cannot look for overdue retries",
    every: EVERY,
    after_failure: EVERY,
};
const LOST_DELIVERIES: Periodic = Periodic {
    failure: "reconcile: cannot look for lost deliveries",
    every: EVERY,
    after_failure: EVERY,
};
/// A retry that is merely late is not reconciled: a broker that is catching up delivers it.
const OVERDUE: SignedDuration = SignedDuration::from_mins(5);
/// A delivery released this long ago without an outcome counts as lost.
const LOST: SignedDuration = SignedDuration::from_mins(10);
/// Batch size; while there are more, without a pause.
const BATCH: usize = 500;
/// Byte budget of a batch: the payloads are in memory twice, as rows and as messages.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

impl Relay {
    /// Publishes retries again that the broker has lost, until shutdown.
    pub(super) async fn republish_overdue_retries(self) {
        OVERDUE_RETRIES.run(self.stop.clone(), || self.overdue_retries()).await;
    }

    async fn overdue_retries(&self) -> Result<Next, StoreError> {
        if !self.connected().await {
            return Ok(Next::Pause);
        }
        // If a retry was not lost after all, its duplicate is skipped by the sender.
        let publish = async |overdue| publish_in_parts(&self.publisher, &self.jobs(overdue)).await;
        let batch = (BATCH_BYTES / self.largest_event).clamp(1, BATCH);
        let retries = self.database.republish_overdue(OVERDUE, batch as i64, publish).await?;
        if retries == 0 {
            return Ok(Next::Pause);
        }
        info!(
            retries,
            "reconciled: overdue retries lost by the broker were published again"
        );
        Ok(Next::AtOnce)
    }

    /// Puts released deliveries that were lost back into the outbox, until shutdown.
    pub(super) async fn requeue_lost_deliveries(self) {
        LOST_DELIVERIES.run(self.stop.clone(), || self.lost_deliveries()).await;
    }

    async fn lost_deliveries(&self) -> Result<Next, StoreError> {
        // While the broker is unavailable the jobs are in its queues, not lost.
        if !self.connected().await {
            return Ok(Next::Pause);
        }
        let deliveries = self.database.requeue_lost(LOST, BATCH as i64).await?;
        if deliveries > 0 {
            info!(
                deliveries,
                "reconciled: released deliveries that no sender received were put back into the outbox"
            );
        }
        Ok(if deliveries >= BATCH as u64 {
            Next::AtOnce
        } else {
            Next::Pause
        })
    }
}
