//! Making up for retries that the broker does not bring back: its volume was lost, somebody emptied a delay queue, or a
//! delay queue does not let go of what expired while the broker was down (RabbitMQ 3.10 until something touches it).

use std::time::Duration;

use broker::Publisher;
use domain::Trigger;
use futures_util::future::join_all;
use jiff::SignedDuration;
use store::Database;
use store::reconcile::Overdue;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wire::DeliveryJob;

use crate::enqueue::message;

/// A retry that is merely late is not made up for: a broker that is catching up delivers it.
const OVERDUE: SignedDuration = SignedDuration::from_mins(5);
/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(30);
/// Made up for at once; while there are more, without a pause.
const BATCH: i64 = 500;

/// Runs until `stop`, in every process.
pub async fn run(database: Database, publisher: Publisher, stop: CancellationToken) {
    loop {
        let republished = database.republish_overdue(OVERDUE, BATCH, |overdue| publish(&publisher, overdue)).await;
        let pause = match republished {
            Ok(0) => EVERY,
            Ok(retries) => {
                info!(retries, "retries that the broker did not bring back are made up for");
                Duration::ZERO
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "overdue retries cannot be looked for");
                EVERY
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// True when the broker has them all. A retry that was not lost after all is then there twice; the second finds its
/// attempt made.
async fn publish(publisher: &Publisher, overdue: Vec<Overdue>) -> bool {
    let published = join_all(overdue.into_iter().map(|delivery| async move {
        let job = retry(delivery);
        publisher.publish(&message(&job)).await
    }));
    published.await.iter().all(Result::is_ok)
}

fn retry(overdue: Overdue) -> DeliveryJob {
    DeliveryJob {
        delivery: overdue.delivery,
        webhook: overdue.webhook,
        account: overdue.account,
        event_id: overdue.event_id,
        event_type: overdue.event_type,
        accepted_at: overdue.created_at,
        attempt: overdue.attempts + 1,
        step: overdue.step + 1,
        trigger: Trigger::Retry,
        repeat: false,
        payload: overdue.payload.into(),
        traceparent: overdue.traceparent,
    }
}
