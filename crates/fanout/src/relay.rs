//! The outbox relay: everything that PostgreSQL passes to the broker later goes through it. Rows are claimed so that
//! several processes share the work, published, confirmed, and only then removed.

mod notifications;
mod reconcile;
mod recoveries;
mod release;

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Message, PublishError, Publisher};
use domain::{Lane, ReleaseRate, Trigger};
use futures_util::future::join_all;
use store::Database;
use store::release::Released;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::DeliveryJob;

use crate::enqueue::message;
use crate::lanes::Lanes;
use crate::metrics::FanoutMetrics;

/// Timeout for the confirms of a batch. If the broker is unavailable or full, the rows are rolled back, so that no
/// transaction stays open.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);
/// A batch is published in this many parts, each after the confirm of the previous one.
const PARTS: usize = 10;
/// After this time the rest is published at once. The log's rows are locked until all is confirmed, and a sender that
/// has the jobs of the first part already waits for them with its outcomes.
const IN_ORDER_FOR: Duration = Duration::from_secs(1);

/// The parts of the relay.
#[derive(Clone)]
pub struct Relay {
    /// The outbox.
    pub database: Database,
    /// Publishes the jobs.
    pub publisher: Publisher,
    /// Maximum release rate to a resumed webhook.
    pub rate: ReleaseRate,
    /// Token buckets of the accounts, for released deliveries.
    pub lanes: Lanes,
    /// The metrics.
    pub metrics: Arc<FanoutMetrics>,
    /// Maximum size of a payload, in bytes.
    pub largest_event: usize,
    /// Ends the relay.
    pub stop: CancellationToken,
}

impl Relay {
    /// Starts all tasks, in every process; they end with `stop`.
    pub fn start(self, tracker: &TaskTracker) {
        tracker.spawn(self.clone().release());
        tracker.spawn(self.clone().schedule_missing_releases());
        tracker.spawn(self.clone().recoveries());
        tracker.spawn(self.clone().republish_overdue_retries());
        tracker.spawn(self.clone().requeue_lost_deliveries());
        tracker.spawn(self.notifications());
    }

    /// Waits until the broker accepts publishes, so that nothing is claimed while it is unavailable or has an alarm,
    /// and for the end of publishes that were not confirmed in time. False at shutdown.
    async fn connected(&self) -> bool {
        matches!(
            self.stop.run_until_cancelled(self.publisher.connected()).await,
            Some(Ok(()))
        )
    }

    /// The messages for the deliveries' next attempts.
    fn jobs(&self, deliveries: Vec<Released>) -> Vec<Message> {
        let message = |job: DeliveryJob| message(&job, self.lane(&job));
        deliveries.into_iter().map(|delivery| message(job(delivery))).collect()
    }

    /// An account may have many webhooks released at once, each at its own rate. An administrator waits for a manual retry.
    fn lane(&self, job: &DeliveryJob) -> Lane {
        match job.trigger {
            Trigger::Manual => Lane::Normal,
            _ => self.lanes.lane(&job.delivery.account, 1),
        }
    }
}

/// The job for a released delivery's next attempt.
pub fn job(released: Released) -> DeliveryJob {
    DeliveryJob {
        delivery: released.delivery,
        attempt: released.attempts + 1,
        step: released.step,
        trigger: released.trigger,
        repeat: false,
        deferred_for: released.deferred_for,
    }
}

/// Publishes in the given order, part by part, so that senders consume the messages in that order; true when the broker
/// has confirmed all.
async fn publish_in_parts(publisher: &Publisher, messages: &[Message]) -> bool {
    let part = messages.len().div_ceil(PARTS);
    let begun = Instant::now();
    let publishing = async {
        let mut rest = messages;
        while !rest.is_empty() {
            let size = if begun.elapsed() < IN_ORDER_FOR {
                part.min(rest.len())
            } else {
                rest.len()
            };
            let (next, later) = rest.split_at(size);
            if !publish_all(publisher, next).await {
                return false;
            }
            rest = later;
        }
        true
    };
    timeout(CONFIRMED_WITHIN, publishing).await.unwrap_or(false)
}

/// Publishes all at once; true when nothing is left to publish.
async fn publish_all(publisher: &Publisher, messages: &[Message]) -> bool {
    let published = join_all(messages.iter().map(|message| publisher.publish(message))).await;
    published.iter().all(|published| match published {
        Ok(()) => true,
        // It can never be published, and must not block the others. The publisher has logged the reason.
        Err(PublishError::Refused(refusal)) => refusal.is_permanent(),
        Err(PublishError::Closed) => false,
    })
}
