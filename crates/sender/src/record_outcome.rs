//! The recorder: commits outcomes in batches. All outcomes that arrive while a batch is being written, and within
//! [`BATCH_EVERY`], form the next one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::HealthEffect;
use store::outcomes::{DeliveryRecord, HealthChange};
use store::{Database, StoreError};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::auto_pause::AutoPauseGuard;
use crate::database_outage::DatabaseOutage;
use crate::metrics::{ReasonLabel, SenderMetrics};

/// Largest batch: one statement, one round trip. 1,000 records of 1 KiB are a megabyte.
const BATCH: usize = 1000;
/// Maximum bytes of payloads in a batch: a statement is limited to a gigabyte, and to half a minute.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Minimum time between the beginnings of two batches, unless one is full. Otherwise some hundred outcomes a second
/// would each be a commit, and the broker waits for the same disk's syncs before it confirms events.
const BATCH_EVERY: Duration = Duration::from_millis(20);
/// First and longest pause before a batch is written again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The same for records whose rows are locked by another transaction: only they wait, and others no longer than the
/// lock timeout.
const FIRST_LOCKED_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_LOCKED_PAUSE: Duration = Duration::from_secs(10);
/// Passes records to the recorder task. Clones write into the same batches.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Pending>,
}

struct Pending {
    record: DeliveryRecord,
    written: oneshot::Sender<Result<(), Refused>>,
}

/// The database refuses this record for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Recorder {
    /// Starts the recorder; it ends when every clone is dropped and everything is written.
    pub fn start(
        database: Database,
        auto_pause: AutoPauseGuard,
        metrics: Arc<SenderMetrics>,
        outage: DatabaseOutage,
    ) -> Self {
        let (queue, pending) = mpsc::channel(2 * BATCH);
        let pause = FIRST_PAUSE;
        let later = VecDeque::new();
        tokio::spawn(
            Writer {
                database,
                auto_pause,
                metrics,
                outage,
                pause,
                later,
            }
            .run(pending),
        );
        Self { queue }
    }

    /// Returns once the record is committed, however long the database is unavailable.
    ///
    /// # Errors
    /// [`Refused`] when the database refuses it for good.
    pub async fn record(&self, record: DeliveryRecord) -> Result<(), Refused> {
        let (written, answer) = oneshot::channel();
        let writer_lives = "the writer ends after the last recorder";
        self.queue
            .send(Pending { record, written })
            .await
            .map_err(drop)
            .expect(writer_lives);
        answer.await.expect(writer_lives)
    }
}

struct Writer {
    database: Database,
    auto_pause: AutoPauseGuard,
    metrics: Arc<SenderMetrics>,
    outage: DatabaseOutage,
    /// Before a database that does not respond is tried again.
    pause: Duration,
    /// Batches to try again when they are due: halves of refused ones, and records that wait for a lock.
    later: VecDeque<Batch>,
}

impl Writer {
    async fn run(mut self, mut pending: mpsc::Receiver<Pending>) {
        let mut gathered = Vec::with_capacity(BATCH);
        loop {
            let begun = Instant::now();
            self.gather(&mut pending, &mut gathered).await;
            if gathered.is_empty() && self.later.is_empty() {
                return;
            }
            let full = gathered.len() == BATCH;
            while !gathered.is_empty() {
                let batch = gathered.drain(..portion(&gathered)).collect();
                self.write(Batch::new(batch)).await;
            }
            // One at a time: records that wait for a lock must not delay new outcomes for longer than the lock timeout.
            if let Some(batch) = self.next_again() {
                self.write(batch).await;
            }
            // Even a sleep of zero lasts until the timer's next millisecond.
            let left = BATCH_EVERY.saturating_sub(begun.elapsed());
            if !full && !left.is_zero() {
                tokio::time::sleep(left).await;
            }
        }
    }

    /// Waits for records, or until a batch is due again.
    async fn gather(&self, pending: &mut mpsc::Receiver<Pending>, gathered: &mut Vec<Pending>) {
        let Some(due) = self.later.iter().map(|batch| batch.due).min() else {
            pending.recv_many(gathered, BATCH).await;
            return;
        };
        tokio::select! {
            biased;
            received = pending.recv_many(gathered, BATCH) => if received == 0 {
                // Closed: only batches to try again are left.
                tokio::time::sleep_until(due.into()).await;
            },
            () = tokio::time::sleep_until(due.into()) => {}
        }
    }

    fn next_again(&mut self) -> Option<Batch> {
        let now = Instant::now();
        let index = self.later.iter().position(|batch| batch.due <= now)?;
        self.later.remove(index)
    }

    /// Writes the batch and notifies the waiting callers; otherwise isolates records whose rows are locked, and, by
    /// halving, records that the database refuses. The others are written meanwhile.
    async fn write(&mut self, batch: Batch) {
        let begun = Instant::now();
        match self.database.record(&batch.records, self.auto_pause.rule()).await {
            Ok(changes) => {
                self.answers();
                self.metrics.batch_records.observe(batch.records.len() as f64);
                self.metrics.batch_duration.observe(begun.elapsed().as_secs_f64());
                self.log_changes(&changes);
                batch.answer(&Ok(()));
            }
            Err(error) if error.is_locked() => {
                self.answers();
                self.part_from_locked(batch).await;
            }
            Err(error) if error.is_timeout() => {
                self.does_not_answer(&error);
                if let Err(one) = self.halve(batch) {
                    self.postpone(one);
                }
            }
            Err(error) if error.is_unavailable() => {
                self.later.push_back(batch);
                self.does_not_answer(&error);
                self.pause().await;
            }
            Err(error) => {
                self.answers();
                if let Err(one) = self.halve(batch) {
                    let cause = &error as &dyn std::error::Error;
                    error!(error = cause, delivery_id = %one.records[0].delivery.id, "the database refuses an outcome");
                    one.answer(&Err(Refused(error.to_string())));
                }
            }
        }
    }

    /// Postpones records whose rows are locked; the others are tried next.
    async fn part_from_locked(&mut self, batch: Batch) {
        let locked = self.database.locked(&batch.records).await.unwrap_or_default();
        if locked.is_empty() {
            // Unlocked by now, or locked in a way that cannot be queried.
            if let Err(one) = self.halve(batch) {
                self.postpone(one);
            }
            return;
        }
        let (locked, free) = batch.part(&locked);
        self.postpone(locked);
        if !free.records.is_empty() {
            self.later.push_front(free);
        }
    }

    fn postpone(&mut self, batch: Batch) {
        let records = batch.records.len();
        let delivery = batch.records[0].delivery.id;
        warn!(records, delivery_id = %delivery, "outcomes wait for row locks in the database; other outcomes are committed first");
        self.later.push_back(batch.postponed());
    }

    /// Both halves are tried next, separately; a batch that cannot be halved is returned.
    fn halve(&mut self, batch: Batch) -> Result<(), Batch> {
        let [first, second] = batch.halves()?;
        self.later.push_front(second);
        self.later.push_front(first);
        Ok(())
    }

    /// The database responded, with success or an error.
    fn answers(&mut self) {
        self.pause = FIRST_PAUSE;
        self.outage.answered();
    }

    fn does_not_answer(&mut self, error: &StoreError) {
        self.outage.failed(error);
    }

    /// Before the next statement of any kind.
    async fn pause(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn log_changes(&self, changes: &[HealthChange]) {
        for HealthChange { webhook, effect } in changes {
            match effect {
                HealthEffect::Warn => warn!(webhook_id = %webhook, "webhook keeps failing"),
                HealthEffect::Recovered => info!(webhook_id = %webhook, "webhook recovered: a delivery succeeded"),
                HealthEffect::Pause(reason) => {
                    self.metrics.auto_paused.with(ReasonLabel(*reason)).inc();
                    warn!(webhook_id = %webhook, %reason, "webhook auto-paused");
                }
            }
        }
    }
}

/// Records that are written together, and the callers that wait for each.
struct Batch {
    records: Vec<DeliveryRecord>,
    waiting: Vec<oneshot::Sender<Result<(), Refused>>>,
    /// When it is due.
    due: Instant,
    /// Pause after the next timeout.
    pause: Duration,
}

impl Batch {
    fn new(pending: Vec<Pending>) -> Self {
        let (records, waiting) = pending
            .into_iter()
            .map(|pending| (pending.record, pending.written))
            .unzip();
        Self {
            records,
            waiting,
            due: Instant::now(),
            pause: FIRST_LOCKED_PAUSE,
        }
    }

    /// Splits into the records at these positions, and the others.
    fn part(self, places: &[usize]) -> (Self, Self) {
        let empty = || Self {
            records: Vec::new(),
            waiting: Vec::new(),
            due: self.due,
            pause: self.pause,
        };
        let mut these = empty();
        let mut others = empty();
        for (place, (record, waiting)) in self.records.into_iter().zip(self.waiting).enumerate() {
            let part = if places.contains(&place) {
                &mut these
            } else {
                &mut others
            };
            part.records.push(record);
            part.waiting.push(waiting);
        }
        (these, others)
    }

    /// A single record has no halves.
    fn halves(mut self) -> Result<[Self; 2], Self> {
        if self.records.len() < 2 {
            return Err(self);
        }
        let middle = self.records.len() / 2;
        let records = self.records.split_off(middle);
        let waiting = self.waiting.split_off(middle);
        let second = Self {
            records,
            waiting,
            due: self.due,
            pause: self.pause,
        };
        Ok([self, second])
    }

    /// Due after its pause; the next pause is longer.
    fn postponed(self) -> Self {
        let due = Instant::now() + self.pause;
        Self {
            due,
            pause: (self.pause * 2).min(LONGEST_LOCKED_PAUSE),
            ..self
        }
    }

    fn answer(self, answer: &Result<(), Refused>) {
        for written in self.waiting {
            // The receiver is gone when the process was told to exit at once.
            let _ = written.send(answer.clone());
        }
    }
}

/// How many of the first records form one batch.
fn portion(pending: &[Pending]) -> usize {
    let mut bytes = 0;
    let fits = |pending: &&Pending| {
        bytes += pending.record.delivery.payload.len();
        bytes <= BATCH_BYTES
    };
    pending.iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests;
