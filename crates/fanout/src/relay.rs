//! The one relay: whatever has to go from Postgres to the broker later leaves through here. Rows are claimed so that
//! several processes share the work, published, confirmed, and only then taken off their lists.

mod notifications;
mod reconcile;
mod recoveries;
mod release;

use std::sync::Arc;
use std::time::Duration;

use broker::{Message, Publisher};
use domain::ReleasePace;
use futures_util::future::join_all;
use store::Database;
use store::release::Released;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::DeliveryJob;

use crate::enqueue::message;
use crate::metrics::FanoutMetrics;

/// A broker that confirms nothing for so long is away, or full: the rows go back, so that no transaction stays open.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);

/// What the relay's parts need.
#[derive(Clone)]
pub struct Relay {
    /// Where the lists are.
    pub database: Database,
    /// Where it all goes.
    pub publisher: Publisher,
    /// At most this fast to one webhook that was resumed.
    pub pace: ReleasePace,
    /// What is told to Prometheus.
    pub metrics: Arc<FanoutMetrics>,
    /// When to end.
    pub stop: CancellationToken,
}

impl Relay {
    /// Starts all parts, in every process; they end with `stop`.
    pub fn start(self, tracker: &TaskTracker) {
        tracker.spawn(self.clone().release());
        tracker.spawn(self.clone().release_forgotten());
        tracker.spawn(self.clone().recoveries());
        tracker.spawn(self.clone().reconcile());
        tracker.spawn(self.notifications());
    }

    /// Waits for the broker, so that nothing is claimed for one that is away. False when it is time to end.
    async fn connected(&self) -> bool {
        matches!(self.stop.run_until_cancelled(self.publisher.connected()).await, Some(Ok(())))
    }

    /// False when it is time to end.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// The messages that ask for the deliveries' next attempts.
fn jobs(deliveries: Vec<Released>) -> Vec<Message> {
    let job = |delivery: Released| DeliveryJob {
        delivery: delivery.delivery,
        webhook: delivery.webhook,
        account: delivery.account,
        event_id: delivery.event_id,
        event_type: delivery.event_type,
        accepted_at: delivery.created_at,
        attempt: delivery.attempts + 1,
        step: delivery.step,
        trigger: delivery.trigger,
        repeat: false,
        payload: delivery.payload.into(),
        traceparent: delivery.traceparent,
    };
    deliveries.into_iter().map(|delivery| message(&job(delivery))).collect()
}

/// Publishes in the given order; true when the broker has them all.
async fn publish_all(publisher: &Publisher, messages: &[Message]) -> bool {
    let confirmed = join_all(messages.iter().map(|message| publisher.publish(message)));
    let confirmed = timeout(CONFIRMED_WITHIN, confirmed).await;
    confirmed.is_ok_and(|confirmed| confirmed.iter().all(Result::is_ok))
}
