//! A job from its receipt to its acknowledgement.

use std::sync::Arc;
use std::time::Duration;

use broker::topology::DELIVERY_LIMIT;
use broker::{Message, PublishError, Refusal};
use domain::{DeferralCause, DeliveryHead, Lane, Next, RetryPolicy, Trigger};
use store::StoreError;
use store::outcomes::{DeliveryRecord, Disposition, Known, OutboxEntry};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, info_span, warn};
use wire::DeliveryJob;

use crate::attempt::{ClassifiedAttempt, attempt, not_survived};
use crate::auto_pause::AutoPauseGuard;
use crate::database_outage::DatabaseOutage;
use crate::dedup::{Dedup, dedup};
use crate::endpoints::EndpointState;
use crate::metrics::{Finished, SenderMetrics, Success};
use crate::ports::Ports;
use crate::records::{attempted, not_attempted, not_retried};
use crate::reject_job::{of_another_account, unrecordable};
use crate::schedule_retry::{retry_message, step_covering};
use crate::slots::{Slot, SlotRequest, Slots, SpillReason};
use crate::suspension::Suspension;

/// Pause before an unavailable database is queried again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);
/// A job that was returned this often is deferred, before the broker parks it, where no administrator sees it.
const RETURNS_AT_MOST: u32 = DELIVERY_LIMIT - 5;

/// The parts a delivery needs.
pub struct Deliverer<P> {
    /// What it reaches outside the process.
    pub ports: P,
    /// The retry policy.
    pub policy: RetryPolicy,
    /// The slots.
    pub slots: Slots,
    /// The auto-pause rule in effect.
    pub auto_pause: AutoPauseGuard,
    /// The metrics.
    pub metrics: Arc<SenderMetrics>,
    /// Detects that the process was suspended.
    pub suspension: Suspension,
    /// No attempt begins after this.
    pub stop: CancellationToken,
    /// Detects database outages.
    pub outage: DatabaseOutage,
}

/// The decision about a job.
enum Admission {
    /// Make the attempt.
    Attempt(Slot, Arc<EndpointState>),
    /// Hold the delivery: its webhook is paused.
    Hold,
    /// Spill the delivery to the outbox.
    Spill(SpillReason),
    /// Reject the job: its webhook belongs to another account than the job says.
    Reject,
}

/// How a job came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// By which lane.
    pub lane: Lane,
    /// It may have been handled before.
    pub redelivered: bool,
    /// How often it came back to its queue before.
    pub returns: u32,
}

/// The job was not finished, and nothing is lost: it stays unacknowledged, so the broker redelivers it.
#[derive(Debug)]
pub struct HandedBack;

impl<P: Ports> Deliverer<P> {
    /// Processes the job. On return it may be acknowledged: its outcome is committed, and a retry, if one follows, is
    /// confirmed by the broker.
    ///
    /// # Errors
    /// [`HandedBack`] when the process stops first, or during a long database outage.
    pub async fn deliver(&self, mut job: DeliveryJob, arrival: Arrival) -> Result<(), HandedBack> {
        let received = tokio::time::Instant::now();
        // Retries are deduplicated too: at-least-once dead-lettering may deliver one twice. So are released deliveries.
        let may_be_made = arrival.redelivered || job.repeat || job.attempt > 1 || job.trigger == Trigger::Resume;
        if (may_be_made || self.suspension.is_recent()) && !self.needs_attempt(&mut job).await? {
            return Ok(());
        }
        if arrival.returns >= RETURNS_AT_MOST {
            return self.defer_unsurvived(&job).await;
        }
        match self.admit(&job, arrival.lane).await? {
            Admission::Reject => self.reject(&job).await,
            Admission::Attempt(slot, endpoint) => {
                // While it waited for the slot, the process may have been suspended.
                if self.suspension.ended_after(received) && !self.needs_attempt(&mut job).await? {
                    return Ok(());
                }
                let classified = self.attempt(&job, slot, &endpoint).await;
                self.settle(&job, classified).await
            }
            Admission::Hold => self.hold(&job).await,
            Admission::Spill(why) => self.spill(&job, why).await,
        }
    }

    /// Deduplicates the job. False when its attempt was made, and everything that follows from it is done.
    async fn needs_attempt(&self, job: &mut DeliveryJob) -> Result<bool, HandedBack> {
        let known = self.known_delivery(job).await?;
        if let Some(known) = &known {
            job.delivery.accepted_at = known.created_at;
        }
        match dedup(known.as_ref(), job.attempt, job.trigger) {
            Dedup::Attempt => Ok(true),
            Dedup::Skip => Ok(false),
            Dedup::RepublishRetry => self.republish_retry(job, known).await.map(|()| false),
        }
    }

    async fn known_delivery(&self, job: &DeliveryJob) -> Result<Option<Known>, HandedBack> {
        // A duplicate event may have been accepted on another day, in another partition, the first time.
        let day = (!job.repeat).then_some(job.delivery.accepted_at);
        self.when_database_answers(|| self.ports.known_delivery(job.delivery.id, day))
            .await
    }

    async fn republish_retry(&self, job: &DeliveryJob, known: Option<Known>) -> Result<(), HandedBack> {
        let step = step_covering(&self.policy, known.and_then(|known| known.due_in));
        self.publish_retry(job, step).await
    }

    /// Decides about the job now. The pause is checked once more after waiting for the slot.
    async fn admit(&self, job: &DeliveryJob, lane: Lane) -> Result<Admission, HandedBack> {
        let endpoint = self.endpoint(job).await?;
        match *endpoint {
            EndpointState::Paused => return Ok(Admission::Hold),
            EndpointState::OfAnotherAccount => return Ok(Admission::Reject),
            _ => {}
        }
        // A webhook with a limit a second gets everything from the relay, which keeps it for all senders together.
        let from_relay = matches!(job.trigger, Trigger::Resume | Trigger::Manual);
        if endpoint.pace().is_some_and(|pace| !from_relay || !pace.admits()) {
            return Ok(Admission::Spill(SpillReason::BacklogFirst));
        }
        // Retries have a rate of their own, the ladder's.
        let released = job.trigger != Trigger::Event;
        let DeliveryHead {
            webhook,
            ref account,
            ref payload,
            ..
        } = job.delivery;
        let request = SlotRequest {
            webhook,
            account,
            host: endpoint.host(),
            released,
            lane,
            bytes: payload.len(),
        };
        let slot = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(HandedBack),
            slot = self.slots.take(request) => slot,
        };
        let slot = match slot {
            Ok(slot) => slot,
            Err(why) => return Ok(Admission::Spill(why)),
        };
        let endpoint = self.endpoint(job).await?;
        Ok(if endpoint.is_paused() {
            Admission::Hold
        } else {
            Admission::Attempt(slot, endpoint)
        })
    }

    async fn endpoint(&self, job: &DeliveryJob) -> Result<Arc<EndpointState>, HandedBack> {
        self.when_database_answers(|| self.ports.endpoint(job.delivery.webhook, &job.delivery.account))
            .await
    }

    /// An error says why no attempt is possible.
    async fn attempt(
        &self,
        job: &DeliveryJob,
        slot: Slot,
        endpoint: &EndpointState,
    ) -> Result<ClassifiedAttempt, &'static str> {
        if job.trigger == Trigger::Event && job.attempt == 1 {
            let lag = self.ports.now().duration_since(job.delivery.accepted_at);
            self.metrics.first_attempt_lag.observe(lag.as_secs_f64().max(0.0));
        }
        self.metrics.in_flight.inc();
        let classified = attempt(&self.ports, &self.policy, endpoint, job).await;
        self.metrics.in_flight.dec();
        let Some(classified) = classified else {
            return Err("webhook deleted");
        };
        match classified.record.next {
            Next::Deferred(deferral) if deferral.cause == DeferralCause::LocalError => slot.deferred(deferral),
            _ => slot.ended(classified.record.http_status.is_some(), classified.throttled),
        }
        self.log_outcome(job, endpoint, &classified);
        Ok(classified)
    }

    async fn defer_unsurvived(&self, job: &DeliveryJob) -> Result<(), HandedBack> {
        let endpoint = self.endpoint(job).await?;
        let classified = not_survived(&self.policy, job, self.ports.now());
        let DeliveryHead { id, webhook, .. } = job.delivery;
        warn!(delivery_id = %id, webhook_id = %webhook, "job deferred: the broker redelivered it too often, so it may crash senders");
        self.log_outcome(job, &endpoint, &classified);
        self.settle(job, Ok(classified)).await
    }

    /// Our programs publish no such job: nothing of it is posted, signed or recorded.
    async fn reject(&self, job: &DeliveryJob) -> Result<(), HandedBack> {
        let DeliveryHead { id, webhook, .. } = job.delivery;
        warn!(delivery_id = %id, webhook_id = %webhook, "job rejected: its webhook belongs to another account");
        self.metrics.rejected.inc();
        if let Some(refusal) = self.publish(&of_another_account(job)).await? {
            error!(delivery_id = %id, %refusal, "cannot move a job of another account to its rejected queue");
        }
        Ok(())
    }

    async fn hold(&self, job: &DeliveryJob) -> Result<(), HandedBack> {
        self.metrics.held.inc();
        let waits = OutboxEntry {
            trigger: job.trigger.after_waiting(),
            returned: false,
            deferral: None,
        };
        self.write(job, not_attempted(job, Disposition::Held(waits)))
            .await
            .map(drop)
    }

    async fn spill(&self, job: &DeliveryJob, why: SpillReason) -> Result<(), HandedBack> {
        self.metrics.spilled.inc();
        let deferral = match why {
            SpillReason::Deferred(deferral) => Some(deferral),
            SpillReason::AtLimit | SpillReason::BacklogFirst => None,
        };
        let returned = why == SpillReason::AtLimit && job.trigger == Trigger::Resume;
        let waits = OutboxEntry {
            trigger: job.trigger.after_waiting(),
            returned,
            deferral,
        };
        self.write(job, not_attempted(job, Disposition::Spilled(waits)))
            .await
            .map(drop)
    }

    fn log_outcome(&self, job: &DeliveryJob, endpoint: &EndpointState, classified: &ClassifiedAttempt) {
        let delivery = &job.delivery;
        let record = &classified.record;
        let seconds = f64::from(classified.record.response_time_ms) / 1000.0;
        self.metrics.attempts.with((record.outcome, job.trigger)).inc();
        let success = if record.outcome.is_success() {
            Success::Yes
        } else {
            Success::No
        };
        self.metrics.attempt_duration.with(success).observe(seconds);
        match classified.record.next {
            Next::Deferred(deferral) => self.metrics.deferred.with(deferral.cause).inc(),
            Next::Expired => {}
            _ => self
                .auto_pause
                .attempt_ended(delivery.webhook, endpoint.host(), record.outcome.is_success()),
        }
        let trace_id = delivery
            .traceparent
            .as_deref()
            .and_then(|text| text.get(3..35))
            .unwrap_or_default();
        let span = info_span!("attempt", trace_id, delivery_id = %delivery.id, webhook_id = %delivery.webhook,
            account = delivery.account.as_str(), event_type = delivery.event_type, attempt = job.attempt,
            outcome = %record.outcome, status_code = record.http_status, duration_ms = record.response_time_ms);
        let _entered = span.enter();
        match success {
            Success::Yes => debug!("delivered"),
            Success::No => info!(error = record.error.as_deref().unwrap_or_default(), "attempt failed"),
        }
    }

    /// Commits the outcome, then publishes the retry that follows, if any.
    async fn settle(
        &self,
        job: &DeliveryJob,
        classified: Result<ClassifiedAttempt, &'static str>,
    ) -> Result<(), HandedBack> {
        let next = classified
            .as_ref()
            .map_or(Next::Failed, |classified| classified.record.next);
        let record = match classified {
            Ok(classified) => attempted(&self.policy, job, classified),
            Err(reason) => not_attempted(
                job,
                Disposition::Failed {
                    error: Some(reason.to_owned()),
                },
            ),
        };
        if !self.write(job, record).await? {
            return Ok(());
        }
        match next {
            Next::RetryAt { step } => {
                self.publish_retry(job, step).await?;
                self.metrics.retries.inc();
            }
            Next::Delivered => self.finished(job, Finished::Delivered),
            Next::Failed | Next::FailedGone | Next::Expired => self.finished(job, Finished::Failed),
            Next::Deferred(_) => {}
        }
        Ok(())
    }

    /// Commits the record. False when the database refuses it for good, and the job was moved to its rejected queue.
    async fn write(&self, job: &DeliveryJob, record: DeliveryRecord) -> Result<bool, HandedBack> {
        let Err(refused) = self.ports.record(record).await else {
            return Ok(true);
        };
        self.metrics.rejected.inc();
        if let Some(refusal) = self.publish(&unrecordable(job, &refused.to_string())).await? {
            error!(delivery_id = %job.delivery.id, %refusal, "cannot move an unrecordable job to its rejected queue");
        }
        Ok(false)
    }

    /// A retry that the broker refuses for good ends its delivery.
    async fn publish_retry(&self, job: &DeliveryJob, step: usize) -> Result<(), HandedBack> {
        let Some(refusal) = self.publish(&retry_message(&self.policy, job, step)).await? else {
            return Ok(());
        };
        let failed = not_retried(job, format!("the broker refuses the retry: {refusal}"));
        if self.ports.record(failed).await.is_ok() {
            self.finished(job, Finished::Failed);
        }
        Ok(())
    }

    /// Publishes; returns a permanent refusal.
    async fn publish(&self, message: &Message) -> Result<Option<Refusal>, HandedBack> {
        match self.ports.publish_for_certain(message).await {
            Ok(()) => Ok(None),
            Err(PublishError::Refused(refusal)) => Ok(Some(refusal)),
            Err(PublishError::Closed) => Err(HandedBack),
        }
    }

    fn finished(&self, job: &DeliveryJob, result: Finished) {
        self.metrics.finished.with(result).inc();
        let seconds = self.ports.now().duration_since(job.delivery.accepted_at).as_secs_f64();
        self.metrics.end_to_end.with(result).observe(seconds.max(0.0));
    }

    /// Repeats a query until the database responds; ends at shutdown, or with a long outage: then the job is handed
    /// back.
    async fn when_database_answers<T, E, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, HandedBack>
    where
        F: Future<Output = Result<T, E>>,
        E: std::borrow::Borrow<StoreError>,
    {
        let mut error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        loop {
            self.outage.failed(error.borrow());
            tokio::select! {
                () = self.stop.cancelled() => return Err(HandedBack),
                () = self.outage.becomes_long() => return Err(HandedBack),
                () = tokio::time::sleep(DATABASE_PAUSE) => {}
            }
            match ask().await {
                Ok(answer) => {
                    self.outage.answered();
                    return Ok(answer);
                }
                Err(again) => error = again,
            }
        }
    }
}
