//! Making up for what the broker does not bring back: its volume was lost, somebody emptied a queue, or a delay queue
//! does not let go of what expired while the broker was down (RabbitMQ 3.10 until something touches it).

use std::time::Duration;

use broker::Publisher;
use jiff::SignedDuration;
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{jobs, publish_all};

/// A retry that is merely late is not made up for: a broker that is catching up delivers it.
const OVERDUE: SignedDuration = SignedDuration::from_mins(5);
/// A delivery on its way to a sender for so long is taken for lost.
const LOST: SignedDuration = SignedDuration::from_mins(10);
/// How often both are looked for.
const EVERY: Duration = Duration::from_secs(30);
/// Made up for at once; while there are more, without a pause.
const BATCH: i64 = 500;

/// Runs until `stop`, in every process.
pub async fn run(database: Database, publisher: Publisher, stop: CancellationToken) {
    loop {
        let pause = match make_up(&database, &publisher).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => EVERY,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "overdue deliveries cannot be looked for");
                EVERY
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// True when there is more to be made up for.
async fn make_up(database: &Database, publisher: &Publisher) -> Result<bool, StoreError> {
    let requeued = database.requeue_lost(LOST, BATCH).await?;
    if requeued > 0 {
        info!(deliveries = requeued, "deliveries that no sender got are queued again");
    }
    // A retry that was not lost after all is then there twice; the second finds its attempt made.
    let publish = async |overdue| publish_all(publisher, &jobs(overdue)).await;
    let retries = database.republish_overdue(OVERDUE, BATCH, publish).await?;
    if retries > 0 {
        info!(retries, "retries that the broker did not bring back are made up for");
    }
    Ok(retries > 0)
}
