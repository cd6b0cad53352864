//! Writing outcomes in batches: whatever has gathered while the last batch was being written goes next, and a moment is
//! left for it to gather.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{AutoPause, HealthEffect};
use store::outcomes::{DeliveryRecord, HealthChange};
use store::{Database, StoreError};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use crate::metrics::{ReasonLabel, SenderMetrics};

/// Largest batch: one statement, one round trip. 1,000 records of 1 KiB are a megabyte.
const BATCH: usize = 1000;
/// The most bytes of payloads in a batch: a statement has at most a gigabyte, and half a minute.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// From the beginning of a batch to that of the next, unless it is full. At some hundred outcomes a second each would be a
/// commit of its own, and the disk's syncs are what the broker waits for with everybody's events.
const BATCH_EVERY: Duration = Duration::from_millis(20);
/// First and longest pause before a batch is written again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After so long without the database the sender leaves its jobs to the queue: the broker closes channels that hold
/// messages for half an hour, and counts that against the messages.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Hands records to the writer. Clones write into the same batches.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Pending>,
    stall: Arc<watch::Sender<bool>>,
}

struct Pending {
    record: DeliveryRecord,
    written: oneshot::Sender<Result<(), Refused>>,
}

/// The database will never take this record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Recorder {
    /// Starts the writer; it ends when every clone is dropped and everything is written.
    pub fn start(database: Database, auto_pause: AutoPause, metrics: Arc<SenderMetrics>) -> Self {
        let (queue, pending) = mpsc::channel(2 * BATCH);
        let stall = Arc::new(watch::Sender::new(false));
        tokio::spawn(Writer { database, auto_pause, metrics, stall: Arc::clone(&stall) }.run(pending));
        Self { queue, stall }
    }

    /// Returns once the record is committed, however long the database is away.
    ///
    /// # Errors
    /// [`Refused`] when the database will never take it.
    pub async fn record(&self, record: DeliveryRecord) -> Result<(), Refused> {
        let (written, answer) = oneshot::channel();
        let writer_lives = "the writer ends after the last recorder";
        self.queue.send(Pending { record, written }).await.map_err(drop).expect(writer_lives);
        answer.await.expect(writer_lives)
    }

    /// True while the database has been away for so long that jobs are better left in their queue.
    pub fn stalled(&self) -> watch::Receiver<bool> {
        self.stall.subscribe()
    }

    /// Whoever else waits for the database tells how long it has: from a minute on jobs are left in their queue, until
    /// it answers.
    pub fn database_waited_for(&self, since: Option<Instant>) {
        set(&self.stall, since.is_some_and(|since| since.elapsed() >= STALLED_AFTER));
    }
}

fn set(stall: &watch::Sender<bool>, stalls: bool) {
    stall.send_if_modified(|stalled| std::mem::replace(stalled, stalls) != stalls);
}

struct Writer {
    database: Database,
    auto_pause: AutoPause,
    metrics: Arc<SenderMetrics>,
    stall: Arc<watch::Sender<bool>>,
}

impl Writer {
    async fn run(self, mut pending: mpsc::Receiver<Pending>) {
        let mut batch = Vec::with_capacity(BATCH);
        while pending.recv_many(&mut batch, BATCH).await > 0 {
            let (begun, full) = (Instant::now(), batch.len() == BATCH);
            while !batch.is_empty() {
                let (records, waiting): (Vec<_>, Vec<_>) =
                    batch.drain(..portion(&batch)).map(|p| (p.record, p.written)).unzip();
                self.write(&records, waiting).await;
            }
            // Even a sleep of nothing lasts until the timer's next millisecond.
            let left = BATCH_EVERY.saturating_sub(begun.elapsed());
            if !full && !left.is_zero() {
                tokio::time::sleep(left).await;
            }
        }
    }

    /// Writes all, or finds the ones that the database refuses by halving the batch.
    async fn write(&self, records: &[DeliveryRecord], waiting: Vec<oneshot::Sender<Result<(), Refused>>>) {
        let mut spans = Vec::from([std::ops::Range { start: 0, end: records.len() }]);
        let mut answers = vec![Ok(()); records.len()];
        while let Some(span) = spans.pop() {
            let Err(error) = self.write_when_possible(&records[span.clone()]).await else { continue };
            if span.len() == 1 {
                error!(%error, delivery = %records[span.start].delivery, "the database refuses an outcome");
                answers[span.start] = Err(Refused(error.to_string()));
            } else {
                let middle = span.start + span.len() / 2;
                spans.extend([span.start..middle, middle..span.end]);
            }
        }
        for (written, answer) in waiting.into_iter().zip(answers) {
            // Nobody waits any more when the process was told to end at once.
            let _ = written.send(answer);
        }
    }

    /// Tries until the database answers.
    async fn write_when_possible(&self, records: &[DeliveryRecord]) -> Result<(), StoreError> {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let result = self.database.record(records, self.auto_pause).await;
            match &result {
                // Too much at once, perhaps: each half is tried by itself.
                Err(error) if error.is_timeout() && records.len() > 1 => return result.map(drop),
                Err(error) if error.is_unavailable() => {
                    if pause == FIRST_PAUSE {
                        warn!(%error, records = records.len(), "outcomes wait for the database");
                    }
                }
                _ => {
                    if pause > FIRST_PAUSE {
                        info!(records = records.len(), "the database answers again");
                    }
                    set(&self.stall, false);
                    self.metrics.batch_records.observe(records.len() as f64);
                    self.metrics.batch_duration.observe(begun.elapsed().as_secs_f64());
                    return result.map(|changes| self.tell(&changes));
                }
            }
            if begun.elapsed() >= STALLED_AFTER {
                set(&self.stall, true);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn tell(&self, changes: &[HealthChange]) {
        for HealthChange { webhook, effect } in changes {
            match effect {
                HealthEffect::Warn => warn!(%webhook, "the webhook keeps failing"),
                HealthEffect::Recovered => info!(%webhook, "the webhook delivers again"),
                HealthEffect::Pause(reason) => {
                    self.metrics.auto_paused.with(ReasonLabel(*reason)).inc();
                    warn!(%webhook, %reason, "the webhook was paused");
                }
            }
        }
    }
}

/// How many of the first go into one batch.
fn portion(pending: &[Pending]) -> usize {
    let mut bytes = 0;
    let fits = |pending: &&Pending| {
        bytes += pending.record.payload.len();
        bytes <= BATCH_BYTES
    };
    pending.iter().take_while(fits).count().max(1)
}
