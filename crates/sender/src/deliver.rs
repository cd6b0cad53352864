//! A job from its receipt to its acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use broker::{Publisher, PublisherClosed};
use domain::{DeliveryState, Next, RetryPolicy, Trigger};
use outbound::Outbound;
use store::outcomes::{DeliveryRecord, Known, SetAside};
use store::{Database, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, info_span, warn};
use wire::DeliveryJob;

use crate::attempt::{Judged, attempt, now};
use crate::look_before::{Look, look};
use crate::metrics::{Finished, SenderMetrics, Success};
use crate::record_outcome::Recorder;
use crate::reject_job::unrecordable;
use crate::schedule_retry::{due_at, retry_message, step_covering};
use crate::slots::{Slot, Slots};
use crate::targets::{Target, Targets};

/// Pause before an absent database is asked again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// The parts a delivery needs.
pub struct Deliverer {
    /// The log.
    pub database: Database,
    /// Webhooks' settings.
    pub targets: Targets,
    /// Posts to customers.
    pub outbound: Outbound,
    /// What follows from an outcome.
    pub policy: RetryPolicy,
    /// How many at once.
    pub slots: Slots,
    /// Writes outcomes.
    pub recorder: Recorder,
    /// Hands retries to the ladder.
    pub publisher: Publisher,
    /// What is told to Prometheus.
    pub metrics: Arc<SenderMetrics>,
    /// No attempt begins after this.
    pub stop: CancellationToken,
    /// How many deliveries wait for the database. The first to wait says so in the log, for all.
    pub waiting_for_database: AtomicUsize,
}

/// What is done with a job now.
enum Admission {
    /// Its attempt is made.
    Attempt(Slot, Arc<Target>),
    /// Its webhook is paused.
    Hold,
    /// Its webhook has more under way than it absorbs.
    Spill,
}

/// The job was not finished, and nothing of it was lost: the broker has it still.
#[derive(Debug)]
pub struct HandedBack;

impl From<PublisherClosed> for HandedBack {
    fn from(_: PublisherClosed) -> Self {
        Self
    }
}

impl Deliverer {
    /// Does everything the job asks for. On return it may be acknowledged: its outcome is committed, and a retry, if
    /// one follows, is confirmed by the broker.
    ///
    /// # Errors
    /// [`HandedBack`] when the process stops first.
    pub async fn deliver(&self, mut job: DeliveryJob, redelivered: bool) -> Result<(), HandedBack> {
        // A retry is looked up too: at-least-once dead-lettering may deliver it twice. So is what the relay releases.
        if redelivered || job.repeat || job.attempt > 1 || job.trigger == Trigger::Resume {
            let known = self.look_up(&job).await?;
            if let Some(known) = &known {
                job.accepted_at = known.created_at;
            }
            match look(known.as_ref(), job.attempt, job.trigger) {
                Look::Attempt => {}
                Look::Settled => return Ok(()),
                Look::RetryMayBeMissing => return self.publish_again(&job, known).await,
            }
        }
        match self.admit(&job).await? {
            Admission::Attempt(slot, target) => {
                let judged = self.attempt(&job, slot, &target).await;
                self.settle(&job, judged).await
            }
            Admission::Hold => self.set_aside(&job, DeliveryState::Held).await,
            Admission::Spill => self.set_aside(&job, DeliveryState::Queued).await,
        }
    }

    async fn look_up(&self, job: &DeliveryJob) -> Result<Option<Known>, HandedBack> {
        // An event accepted again may have been filed under another day the first time.
        let day = (!job.repeat).then_some(job.accepted_at);
        self.when_database_answers(|| self.database.known_delivery(job.delivery, day)).await
    }

    async fn publish_again(&self, job: &DeliveryJob, known: Option<Known>) -> Result<(), HandedBack> {
        let step = step_covering(&self.policy, known.and_then(|known| known.next_attempt_at));
        Ok(self.publisher.publish(&retry_message(&self.policy, job, step)).await?)
    }

    /// Whether the attempt may be made now. A pause is looked for once more when the job's turn has come.
    async fn admit(&self, job: &DeliveryJob) -> Result<Admission, HandedBack> {
        if self.target(job).await?.is_paused() {
            return Ok(Admission::Hold);
        }
        let slot = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(HandedBack),
            slot = self.slots.take(job.webhook) => slot,
        };
        let Ok(slot) = slot else { return Ok(Admission::Spill) };
        let target = self.target(job).await?;
        Ok(if target.is_paused() { Admission::Hold } else { Admission::Attempt(slot, target) })
    }

    async fn target(&self, job: &DeliveryJob) -> Result<Arc<Target>, HandedBack> {
        self.when_database_answers(|| self.targets.get(job.webhook)).await
    }

    /// An error says why no attempt can be made.
    async fn attempt(&self, job: &DeliveryJob, slot: Slot, target: &Target) -> Result<Judged, &'static str> {
        if job.trigger == Trigger::Event && job.attempt == 1 {
            let lag = now().duration_since(job.accepted_at);
            self.metrics.first_attempt_lag.observe(lag.as_secs_f64().max(0.0));
        }
        self.metrics.in_flight.inc();
        let judged = attempt(&self.outbound, &self.policy, target, job).await;
        self.metrics.in_flight.dec();
        let Some(judged) = judged else {
            return Err(match target {
                Target::Deleted => "webhook deleted",
                _ => "signing secret cannot be decrypted",
            });
        };
        let took = Duration::from_millis(judged.record.response_time_ms.into());
        slot.ended(judged.record.http_status.is_some(), took);
        self.tell(job, &judged);
        Ok(judged)
    }

    /// Leaves the delivery to the relay, with everything that is needed to make it later.
    async fn set_aside(&self, job: &DeliveryJob, state: DeliveryState) -> Result<(), HandedBack> {
        let returned = state == DeliveryState::Queued && job.trigger == Trigger::Resume;
        let set_aside = SetAside { trigger: job.trigger.after_waiting(), returned };
        let record = DeliveryRecord { state, set_aside: Some(set_aside), ..self.record(job) };
        self.write(job, record).await?;
        match state {
            DeliveryState::Held => self.metrics.held.inc(),
            _ => self.metrics.spilled.inc(),
        }
        Ok(())
    }

    fn tell(&self, job: &DeliveryJob, judged: &Judged) {
        let (record, seconds) = (&judged.record, f64::from(judged.record.response_time_ms) / 1000.0);
        self.metrics.attempts.with((record.outcome, job.trigger)).inc();
        let success = if record.outcome.is_success() { Success::Yes } else { Success::No };
        self.metrics.attempt_duration.with(success).observe(seconds);
        let trace_id = job.traceparent.as_deref().and_then(|text| text.get(3..35)).unwrap_or_default();
        let span = info_span!("attempt", trace_id, delivery_id = %job.delivery, webhook_id = %job.webhook,
            account = job.account.as_str(), event_type = job.event_type, attempt = job.attempt,
            outcome = record.outcome.as_str(), status_code = record.http_status, duration_ms = record.response_time_ms);
        let _entered = span.enter();
        match success {
            Success::Yes => debug!("delivered"),
            Success::No => info!(error = record.error.as_deref().unwrap_or_default(), "attempt failed"),
        }
    }

    /// Commits the outcome, then publishes the retry it calls for.
    async fn settle(&self, job: &DeliveryJob, judged: Result<Judged, &'static str>) -> Result<(), HandedBack> {
        let next = judged.as_ref().map_or(Next::Failed, |judged| judged.next);
        let record = self.record_of(job, judged, next);
        if !self.write(job, record).await? {
            return Ok(());
        }
        match next {
            Next::RetryAt { step } => {
                self.publisher.publish(&retry_message(&self.policy, job, step)).await?;
                self.metrics.retries.inc();
            }
            Next::Delivered => self.finished(job, Finished::Delivered),
            Next::Failed | Next::FailedGone => self.finished(job, Finished::Failed),
        }
        Ok(())
    }

    /// Commits the record, or moves a job whose record the database will never take to the side queue: false.
    async fn write(&self, job: &DeliveryJob, record: DeliveryRecord) -> Result<bool, HandedBack> {
        let Err(refused) = self.recorder.record(record).await else { return Ok(true) };
        self.metrics.rejected.inc();
        self.publisher.publish(&unrecordable(job, &refused.to_string())).await?;
        Ok(false)
    }

    fn record_of(&self, job: &DeliveryJob, judged: Result<Judged, &'static str>, next: Next) -> DeliveryRecord {
        let (state, next_attempt_at) = match next {
            Next::Delivered => (DeliveryState::Delivered, None),
            Next::RetryAt { step } => (DeliveryState::Retrying, Some(due_at(&self.policy, step))),
            Next::Failed | Next::FailedGone => (DeliveryState::Failed, None),
        };
        let before = DeliveryRecord { state, next_attempt_at, ..self.record(job) };
        match judged {
            Ok(judged) => DeliveryRecord { attempts: job.attempt, attempt: Some(judged.record), ..before },
            Err(reason) => DeliveryRecord { error: Some(reason.to_owned()), ..before },
        }
    }

    /// The delivery before the attempt that the job asks for.
    fn record(&self, job: &DeliveryJob) -> DeliveryRecord {
        DeliveryRecord {
            delivery: job.delivery,
            created_at: job.accepted_at,
            account: job.account.clone(),
            webhook: job.webhook,
            event_id: job.event_id.clone(),
            event_type: job.event_type.clone(),
            state: DeliveryState::Queued,
            attempts: job.attempt - 1,
            step: job.step,
            payload: job.payload.clone(),
            traceparent: job.traceparent.clone(),
            next_attempt_at: None,
            error: None,
            attempt: None,
            set_aside: None,
        }
    }

    fn finished(&self, job: &DeliveryJob, result: Finished) {
        self.metrics.finished.with(result).inc();
        let seconds = now().duration_since(job.accepted_at).as_secs_f64();
        self.metrics.end_to_end.with(result).observe(seconds.max(0.0));
    }

    /// Asks until the database answers or the process stops.
    async fn when_database_answers<T, E, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, HandedBack>
    where
        F: Future<Output = Result<T, E>>,
        E: std::borrow::Borrow<StoreError>,
    {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if self.waiting_for_database.fetch_add(1, Ordering::AcqRel) == 0 {
            warn!(error = %error.borrow(), "deliveries wait for the database");
        }
        let since = Instant::now();
        let answered = loop {
            tokio::select! {
                () = self.stop.cancelled() => break Err(HandedBack),
                () = tokio::time::sleep(DATABASE_PAUSE) => {}
            }
            if let Ok(answer) = ask().await {
                self.recorder.database_waited_for(None);
                break Ok(answer);
            }
            self.recorder.database_waited_for(Some(since));
        };
        self.waiting_for_database.fetch_sub(1, Ordering::AcqRel);
        answered
    }
}
