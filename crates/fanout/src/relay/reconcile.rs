//! Making up for what the broker does not bring back: its volume was lost, somebody emptied a queue, or a delay queue
//! does not let go of what expired while the broker was down (RabbitMQ 3.10 until something touches it).

use std::time::Duration;

use jiff::SignedDuration;
use tracing::{info, warn};

use super::{Relay, jobs, publish_all};

/// A retry that is merely late is not made up for: a broker that is catching up delivers it.
const OVERDUE: SignedDuration = SignedDuration::from_mins(5);
/// A delivery on its way to a sender for so long is taken for lost.
const LOST: SignedDuration = SignedDuration::from_mins(10);
/// How often both are looked for.
const EVERY: Duration = Duration::from_secs(30);
/// Made up for at once; while there are more, without a pause.
const BATCH: i64 = 500;

impl Relay {
    /// Makes up for what is missing until it is time to end.
    pub(super) async fn reconcile(self) {
        loop {
            // Each by itself: that one of them fails must not keep the other from being done.
            let more = self.overdue_retries().await;
            self.lost_deliveries().await;
            if !self.pause(if more { Duration::ZERO } else { EVERY }).await {
                return;
            }
        }
    }

    /// True when there are more to be made up for.
    async fn overdue_retries(&self) -> bool {
        // A retry that was not lost after all is then there twice; the second finds its attempt made.
        let publish = async |overdue| publish_all(&self.publisher, &jobs(overdue)).await;
        match self.database.republish_overdue(OVERDUE, BATCH, publish).await {
            Ok(0) => false,
            Ok(retries) => {
                info!(retries, "retries that the broker did not bring back are made up for");
                true
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "overdue retries cannot be looked for");
                false
            }
        }
    }

    async fn lost_deliveries(&self) {
        match self.database.requeue_lost(LOST, BATCH).await {
            Ok(0) => {}
            Ok(deliveries) => info!(deliveries, "deliveries that no sender got are queued again"),
            Err(error) => warn!(error = &error as &dyn std::error::Error, "lost deliveries cannot be looked for"),
        }
    }
}
