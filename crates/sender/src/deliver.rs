//! A job from its receipt to its acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Publisher, PublisherClosed};
use domain::{DeliveryState, Next, RetryPolicy, Trigger};
use outbound::Outbound;
use store::outcomes::{DeliveryRecord, Known};
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
use crate::slots::Slots;
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
        // A retry is looked up too: at-least-once dead-lettering may deliver it twice.
        if redelivered || job.repeat || job.attempt > 1 {
            let known = self.look_up(&job).await?;
            if let Some(known) = &known {
                job.accepted_at = known.created_at;
            }
            match look(known.as_ref(), job.attempt) {
                Look::Attempt => {}
                Look::Settled => return Ok(()),
                Look::RetryMayBeMissing => return self.publish_again(&job, known).await,
            }
        }
        let judged = self.attempt(&job).await?;
        self.settle(&job, judged).await
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

    /// `None` when no attempt can be made: the second value says why.
    async fn attempt(&self, job: &DeliveryJob) -> Result<Result<Judged, &'static str>, HandedBack> {
        let slot = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(HandedBack),
            slot = self.slots.take(job.webhook) => slot,
        };
        let target = self.when_database_answers(|| self.targets.get(job.webhook)).await?;
        if job.trigger == Trigger::Event && job.attempt == 1 {
            let lag = now().duration_since(job.accepted_at);
            self.metrics.first_attempt_lag.observe(lag.as_secs_f64().max(0.0));
        }
        self.metrics.in_flight.inc();
        let judged = attempt(&self.outbound, &self.policy, &target, job).await;
        self.metrics.in_flight.dec();
        drop(slot);
        let Some(judged) = judged else {
            return Ok(Err(match *target {
                Target::Deleted => "webhook deleted",
                _ => "signing secret cannot be decrypted",
            }));
        };
        self.tell(job, &judged);
        Ok(Ok(judged))
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
        if let Err(refused) = self.recorder.record(record).await {
            self.metrics.rejected.inc();
            return Ok(self.publisher.publish(&unrecordable(job, &refused.to_string())).await?);
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

    fn record_of(&self, job: &DeliveryJob, judged: Result<Judged, &'static str>, next: Next) -> DeliveryRecord {
        let (state, next_attempt_at) = match next {
            Next::Delivered => (DeliveryState::Delivered, None),
            Next::RetryAt { step } => (DeliveryState::Retrying, Some(due_at(&self.policy, step))),
            Next::Failed | Next::FailedGone => (DeliveryState::Failed, None),
        };
        let (attempt, error) = match judged {
            Ok(judged) => (Some(judged.record), None),
            Err(reason) => (None, Some(reason.to_owned())),
        };
        DeliveryRecord {
            delivery: job.delivery,
            created_at: job.accepted_at,
            account: job.account.clone(),
            webhook: job.webhook,
            event_id: job.event_id.clone(),
            event_type: job.event_type.clone(),
            state,
            attempts: if attempt.is_some() { job.attempt } else { job.attempt - 1 },
            step: job.step,
            payload: job.payload.clone(),
            traceparent: job.traceparent.clone(),
            next_attempt_at,
            error,
            attempt,
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
        let answered = loop {
            tokio::select! {
                () = self.stop.cancelled() => break Err(HandedBack),
                () = tokio::time::sleep(DATABASE_PAUSE) => {}
            }
            if let Ok(answer) = ask().await {
                break Ok(answer);
            }
        };
        self.waiting_for_database.fetch_sub(1, Ordering::AcqRel);
        answered
    }
}
