//! Builds the records that the delivery log gets for a job. Pure.

use domain::{DeliveryState, Next, RetryPolicy};
use store::outcomes::{DeliveryRecord, OutboxEntry};
use wire::DeliveryJob;

use crate::attempt::ClassifiedAttempt;

/// The delivery after an attempt, or after no attempt was possible for the given reason.
pub fn record_of(
    policy: &RetryPolicy,
    job: &DeliveryJob,
    classified: Result<ClassifiedAttempt, &'static str>,
    next: Next,
) -> DeliveryRecord {
    let (state, retry_in) = match next {
        Next::Delivered => (DeliveryState::Delivered, None),
        Next::RetryAt { step } => (DeliveryState::Retrying, Some(policy.ladder()[step])),
        Next::Failed | Next::FailedGone | Next::Expired => (DeliveryState::Failed, None),
        Next::Deferred(_) => (DeliveryState::Queued, None),
    };
    let outbox = match next {
        Next::Deferred(deferral) => {
            let trigger = job.trigger.after_waiting();
            Some(OutboxEntry { trigger, returned: false, deferral: Some(deferral) })
        }
        _ => None,
    };
    let before = DeliveryRecord { state, retry_in, outbox, ..record(job) };
    match classified {
        Ok(classified) => DeliveryRecord { attempts: job.attempt, attempt: Some(classified.record), ..before },
        Err(reason) => DeliveryRecord { error: Some(reason.to_owned()), ..before },
    }
}

/// The delivery before the attempt that the job requests.
pub fn record(job: &DeliveryJob) -> DeliveryRecord {
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
        retry_in: None,
        error: None,
        attempt: None,
        outbox: None,
    }
}
