//! Removing the oldest day while deliveries are being written.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use domain::{AutoPause, DeliveryHead, DeliveryId, Next, Outcome, Trigger};
use jiff::Timestamp;
use store::Database;
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition};
use tokio::time::sleep;

use super::subject::{DAYS, Subject, days};
use crate::event::event_type;
use crate::pair::Pair;

/// Writing alone, to compare with.
const ALONE: Duration = Duration::from_secs(5);

/// What was measured.
pub struct Prune {
    /// Seconds that the removal took.
    pub seconds: f64,
    /// The longest time that writing one delivery took, in milliseconds: alone (bare), and while the day was removed.
    pub longest_write_ms: Pair<f64>,
}

/// Writes without a pause, and removes the oldest day meanwhile.
pub async fn run(database: &Database, subject: &Subject) -> anyhow::Result<Prune> {
    let (alone, ()) = beside_writes(database, subject, async {
        sleep(ALONE).await;
        Ok(())
    })
    .await?;
    let (beside, seconds) = beside_writes(database, subject, Box::pin(prune(database))).await?;
    Ok(Prune {
        seconds,
        longest_write_ms: Pair {
            bare: alone,
            product: beside,
        },
    })
}

async fn prune(database: &Database) -> anyhow::Result<f64> {
    // The day in which the kept time begins is kept.
    let kept = u16::try_from(DAYS - 2)?;
    let begin = Instant::now();
    let removed = database.apply_retention(kept).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let removed = removed.context("nobody else prunes")?;
    ensure!(
        removed.days == days()[..1],
        "the oldest day alone should be removed: {removed:?}"
    );
    Ok(seconds)
}

/// Writes until `job` is done. Returns the longest write, in milliseconds, and what the job returns.
async fn beside_writes<T>(
    database: &Database,
    subject: &Subject,
    job: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(f64, T)> {
    // The first write connects and prepares.
    database
        .record(
            &[delivered(subject)],
            AutoPause {
                after: 10,
                within: std::time::Duration::ZERO,
                suspended: false,
            },
        )
        .await?;
    let done = Cell::new(false);
    let writes = async {
        let mut longest = 0.0_f64;
        while !done.get() {
            let record = delivered(subject);
            let begin = Instant::now();
            database
                .record(
                    &[record],
                    AutoPause {
                        after: 10,
                        within: std::time::Duration::ZERO,
                        suspended: false,
                    },
                )
                .await?;
            longest = longest.max(begin.elapsed().as_secs_f64() * 1000.0);
        }
        anyhow::Ok(longest)
    };
    let job = async {
        let result = job.await;
        done.set(true);
        result
    };
    tokio::try_join!(writes, job)
}

fn delivered(subject: &Subject) -> DeliveryRecord {
    let now = Timestamp::now();
    let event_id = format!("written-{}", now.as_nanosecond());
    DeliveryRecord {
        delivery: DeliveryHead {
            id: DeliveryId::derive(&subject.account, "/bench", &event_id, subject.webhook),
            webhook: subject.webhook,
            account: subject.account.clone(),
            event_id,
            subject: None,
            event_type: event_type().name().to_owned(),
            accepted_at: now,
            payload: vec![b'n'; 200].into(),
            traceparent: None,
        },
        disposition: Disposition::Delivered,
        attempts: 1,
        step: 0,
        attempt: Some(AttemptRecord {
            trigger: Trigger::Event,
            at: now,
            url: None,
            deferred_for: std::time::Duration::ZERO,
            outcome: Outcome::Success,
            http_status: Some(200),
            response_time_ms: 12,
            error: None,
            response_excerpt: Vec::new(),
            next: Next::Delivered,
        }),
    }
}
