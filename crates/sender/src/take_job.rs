//! The job loop: consume a job, process it in a task of its own, acknowledge it when the task is done.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Acknowledgement, Consumer, Incoming, Intake, Message, PublishError, topology};
use domain::{Lane, LaneBudgets, Trigger};
use futures_util::FutureExt;
use store::SchemaError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};
use wire::DeliveryJob;

use crate::deliver::{Arrival, Deliverer};
use crate::in_flight::{AttemptKey, InFlight};
use crate::ports::LivePorts;
use crate::reject_job::{panicked, unreadable};

/// Byte budget of a lane's prefetch window. Processing (posting, recording, publishing the retry) copies a payload several
/// times: with twice as much a sender grew to 350 MiB.
pub const LANE_BYTES: u32 = 16 * 1024 * 1024;

/// Prefetch of a lane for this many requests in flight: twice as many, because outcomes of finished requests are being
/// written meanwhile. Either lane may use all slots.
pub fn intake(lane: Lane, concurrency: usize) -> Intake {
    let messages = u16::try_from(concurrency.saturating_mul(2)).unwrap_or(u16::MAX);
    Intake {
        queue: topology::delivery_queue(lane),
        messages,
        bytes: LANE_BYTES as usize,
    }
}

/// Pause before an unavailable database is queried again during a long outage.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A consumer for each lane: what has been taken by one leaves the window of the other as it is.
pub struct JobQueues {
    /// Of the normal lane.
    pub normal: Consumer,
    /// Of the bulk lane.
    pub bulk: Consumer,
}

impl JobQueues {
    async fn next(&mut self) -> (Lane, Incoming) {
        tokio::select! {
            biased;
            incoming = self.normal.next() => (Lane::Normal, incoming),
            incoming = self.bulk.next() => (Lane::Bulk, incoming),
        }
    }

    async fn cancel(&mut self) {
        tokio::join!(self.normal.cancel(), self.bulk.cancel());
    }

    async fn close(&mut self) {
        tokio::join!(self.normal.close(), self.bulk.close());
    }
}

/// The job loop's parts.
pub struct JobLoop {
    /// Processes jobs.
    pub deliverer: Arc<Deliverer<LivePorts>>,
    /// The attempts in flight.
    pub in_flight: InFlight,
    /// The token buckets of retries: the ladder returns all of an account's retries to the normal lane.
    pub retries: LaneBudgets,
    /// The tasks to wait for at shutdown.
    pub tracker: TaskTracker,
}

impl JobLoop {
    /// Runs until `stop`, then waits for the attempts in flight; jobs not begun are handed back.
    pub async fn run(mut self, mut queues: JobQueues, stop: CancellationToken) {
        let outage = self.deliverer.outage.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = outage.becomes_long() => {
                    warn!("the database has been unavailable for long (backpressure): job consumption stops");
                    queues.close().await;
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.database_is_back() => {
                            info!("the database is available again: job consumption resumes");
                        }
                    }
                }
                (lane, incoming) = queues.next() => self.begin(lane, incoming),
            }
        }
        queues.cancel().await;
        self.tracker.close();
        self.tracker.wait().await;
        queues.close().await;
    }

    /// All other callers have given up, so the database is polled here.
    async fn database_is_back(&self) {
        while let Err(error) = self.deliverer.ports.database.wait_until_usable().await {
            // A migration during the outage: this program ends with its rolling update, and works until then.
            if matches!(error, SchemaError::Newer { .. }) {
                break;
            }
            warn!(
                error = &error as &dyn std::error::Error,
                "the database is still unavailable"
            );
            tokio::time::sleep(ASK_AGAIN).await;
        }
        self.deliverer.outage.answered();
    }

    /// Whether a retry in the normal lane exceeds its account's bucket: all deliveries of a flood may have failed at once.
    fn belongs_to_bulk(&mut self, job: &DeliveryJob, lane: Lane) -> bool {
        lane == Lane::Normal
            && job.trigger == Trigger::Retry
            && self.retries.lane(&job.delivery.account, 1, Instant::now()) == Lane::Bulk
    }

    fn begin(&mut self, lane: Lane, incoming: Incoming) {
        match DeliveryJob::decode(incoming.body.clone()) {
            Ok(job) if self.belongs_to_bulk(&job, lane) => {
                self.tracker.spawn(move_to_bulk(Arc::clone(&self.deliverer), incoming));
            }
            Ok(job) => self.deliver(job, lane, incoming),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "job rejected");
                let message = unreadable(&incoming, &error.to_string());
                self.tracker.spawn(reject(
                    Arc::clone(&self.deliverer),
                    message,
                    vec![incoming.acknowledgement],
                ));
            }
        }
    }

    fn deliver(&self, job: DeliveryJob, lane: Lane, incoming: Incoming) {
        let arrival = Arrival {
            lane,
            redelivered: incoming.redelivered,
            returns: incoming.returns,
        };
        let key = AttemptKey::from(&job);
        let Some(attempt) = self.in_flight.begin(key, incoming.acknowledgement) else {
            return;
        };
        let body = incoming.body;
        let deliverer = Arc::clone(&self.deliverer);
        self.tracker.spawn(async move {
            match AssertUnwindSafe(deliverer.deliver(job, arrival)).catch_unwind().await {
                Ok(Ok(())) => attempt.done().into_iter().for_each(Acknowledgement::acknowledge),
                // Handed back: the broker redelivers it.
                Ok(Err(_)) => drop(attempt),
                Err(_) => reject(deliverer, panicked(body), attempt.done()).await,
            }
        });
    }
}

/// Moves a retry to the bulk lane. A duplicate there is skipped by the lookup that every retry gets.
async fn move_to_bulk(deliverer: Arc<Deliverer<LivePorts>>, incoming: Incoming) {
    let message = incoming.forward_to(topology::DELIVERY_EXCHANGE, topology::DELIVERIES_BULK);
    match deliverer.ports.publisher.publish_for_certain(&message).await {
        Ok(()) => incoming.acknowledgement.acknowledge(),
        Err(PublishError::Refused(refusal)) => error!(%refusal, "a retry cannot be moved to the bulk lane"),
        Err(PublishError::Closed) => {}
    }
}

/// Moves a job to the rejected queue.
async fn reject(deliverer: Arc<Deliverer<LivePorts>>, message: Message, acknowledgements: Vec<Acknowledgement>) {
    deliverer.metrics.rejected.inc();
    match deliverer.ports.publisher.publish_for_certain(&message).await {
        Ok(()) => acknowledgements.into_iter().for_each(Acknowledgement::acknowledge),
        Err(PublishError::Refused(refusal)) => {
            error!(%refusal, "cannot move a rejected job to its rejected queue")
        }
        Err(PublishError::Closed) => {}
    }
}
