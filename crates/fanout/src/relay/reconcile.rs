//! Reconciler: publishes again what the broker lost: its volume was lost, a queue was purged, or a delay queue does not
//! dead-letter messages that expired while the broker was down (RabbitMQ 3.10 until something touches it).

use std::time::Duration;

use jiff::SignedDuration;
use tracing::{info, warn};

use super::{Relay, publish_in_parts};

/// A retry that is merely late is not reconciled: a broker that is catching up delivers it.
const OVERDUE: SignedDuration = SignedDuration::from_mins(5);
/// A delivery released this long ago without an outcome counts as lost.
const LOST: SignedDuration = SignedDuration::from_mins(10);
/// Polling interval of both.
const EVERY: Duration = Duration::from_secs(30);
/// Batch size; while there are more, without a pause.
const BATCH: usize = 500;
/// Byte budget of a batch: the payloads are in memory twice, as rows and as messages.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

impl Relay {
    /// Reconciles until shutdown.
    pub(super) async fn reconcile(self) {
        loop {
            // Independent: a failure of one must not prevent the other.
            let more_lost = self.lost_deliveries().await;
            let more = self.connected().await && self.overdue_retries().await || more_lost;
            if !self.pause(if more { Duration::ZERO } else { EVERY }).await {
                return;
            }
        }
    }

    /// True when there are more.
    async fn overdue_retries(&self) -> bool {
        // If a retry was not lost after all, its duplicate is skipped by the sender.
        let publish = async |overdue| publish_in_parts(&self.publisher, &self.jobs(overdue)).await;
        let batch = (BATCH_BYTES / self.largest_event).clamp(1, BATCH);
        match self.database.republish_overdue(OVERDUE, batch as i64, publish).await {
            Ok(0) => false,
            Ok(retries) => {
                info!(retries, "reconciled: overdue retries lost by the broker were published again");
                true
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "reconcile: cannot look for overdue retries; retrying");
                false
            }
        }
    }

    /// True when there are more.
    async fn lost_deliveries(&self) -> bool {
        match self.database.requeue_lost(LOST, BATCH as i64).await {
            Ok(0) => false,
            Ok(deliveries) => {
                info!(
                    deliveries,
                    "reconciled: released deliveries that no sender received were put back into the outbox"
                );
                deliveries >= BATCH as u64
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "reconcile: cannot look for lost deliveries; retrying");
                false
            }
        }
    }
}
