//! The job loop: take a job, hand it to a task of its own, acknowledge it when the task is done.

use std::sync::Arc;

use broker::{Consumer, Incoming};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;
use wire::DeliveryJob;

use crate::deliver::Deliverer;
use crate::in_flight::{AttemptKey, InFlight};
use crate::reject_job::unreadable;

/// Jobs taken and not yet acknowledged, for so many requests in flight: while one is under way another's outcome is
/// being written.
pub fn prefetch(concurrency: usize) -> u16 {
    u16::try_from(concurrency.saturating_mul(2)).unwrap_or(u16::MAX)
}

/// The job loop's parts.
pub struct JobLoop {
    /// Does what a job asks for.
    pub deliverer: Arc<Deliverer>,
    /// What is under way.
    pub in_flight: Arc<InFlight>,
    /// The tasks that are waited for at the end.
    pub tracker: TaskTracker,
}

impl JobLoop {
    /// Runs until `stop`, then waits for the attempts under way; jobs not begun are handed back.
    pub async fn run(self, mut consumer: Consumer, stop: CancellationToken) {
        let mut stalled = self.deliverer.recorder.stalled();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = becomes(&mut stalled, true) => {
                    warn!("the database is away for long: jobs are left in their queue");
                    consumer.rest().await;
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = becomes(&mut stalled, false) => {}
                    }
                }
                incoming = consumer.next() => self.begin(incoming),
            }
        }
        consumer.stop().await;
        self.tracker.close();
        self.tracker.wait().await;
        consumer.rest().await;
    }

    fn begin(&self, incoming: Incoming) {
        match DeliveryJob::decode(incoming.body.clone()) {
            Ok(job) => self.deliver(job, incoming),
            Err(error) => self.reject(incoming, error.to_string()),
        }
    }

    fn deliver(&self, job: DeliveryJob, incoming: Incoming) {
        let (key, redelivered) = (AttemptKey::from(&job), incoming.redelivered);
        if !self.in_flight.begin(key, incoming.acknowledgement) {
            return;
        }
        let (deliverer, in_flight) = (Arc::clone(&self.deliverer), Arc::clone(&self.in_flight));
        self.tracker.spawn(async move {
            match deliverer.deliver(job, redelivered).await {
                Ok(()) => in_flight.done(key),
                Err(_) => in_flight.abandon(key),
            }
        });
    }

    fn reject(&self, incoming: Incoming, detail: String) {
        warn!(detail, "job rejected");
        self.deliverer.metrics.rejected.inc();
        let deliverer = Arc::clone(&self.deliverer);
        self.tracker.spawn(async move {
            if deliverer.publisher.publish(&unreadable(&incoming, &detail)).await.is_ok() {
                incoming.acknowledgement.acknowledge();
            }
        });
    }
}

async fn becomes(stalled: &mut watch::Receiver<bool>, value: bool) {
    if stalled.wait_for(|stalled| *stalled == value).await.is_err() {
        // The writer ended, which it does not before this loop.
        std::future::pending::<()>().await;
    }
}
