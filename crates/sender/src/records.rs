//! Builds the records that the delivery log gets for a job. Pure.

use domain::{Next, RetryPolicy};
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition, OutboxEntry};
use wire::DeliveryJob;

use crate::attempt::ClassifiedAttempt;

/// The delivery after the attempt that the job requests.
pub fn attempted(policy: &RetryPolicy, job: &DeliveryJob, classified: ClassifiedAttempt) -> DeliveryRecord {
    let disposition = match classified.record.next {
        Next::Delivered => Disposition::Delivered,
        Next::RetryAt { step } => Disposition::Retrying {
            retry_in: policy.ladder()[step],
        },
        Next::Failed | Next::FailedGone | Next::Expired => Disposition::Failed { error: None },
        Next::Deferred(deferral) => {
            let trigger = job.trigger.after_waiting();
            Disposition::Spilled(OutboxEntry {
                trigger,
                returned: false,
                deferral: Some(deferral),
            })
        }
    };
    record(job, job.attempt, disposition, Some(classified.record))
}

/// The delivery when the attempt that the job requests is not made.
pub fn not_attempted(job: &DeliveryJob, disposition: Disposition) -> DeliveryRecord {
    record(job, job.attempt - 1, disposition, None)
}

/// The delivery when its retry, after the attempt that the job requests, cannot be published.
pub fn not_retried(job: &DeliveryJob, error: String) -> DeliveryRecord {
    record(job, job.attempt, Disposition::Failed { error: Some(error) }, None)
}

fn record(
    job: &DeliveryJob,
    attempts: u32,
    disposition: Disposition,
    attempt: Option<AttemptRecord>,
) -> DeliveryRecord {
    DeliveryRecord {
        delivery: job.delivery.clone(),
        disposition,
        attempts,
        step: job.step,
        attempt,
    }
}
