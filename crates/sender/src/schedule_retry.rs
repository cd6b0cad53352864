//! Schedules a retry: a new message to the delay queue, never a dead-lettered old one. RabbitMQ takes a message that
//! returns to a queue by dead-lettering alone for a cycle, and the delay queue blocks on it.

use std::time::Duration;

use broker::{Message, topology};
use domain::{RetryPolicy, Trigger};
use jiff::SignedDuration;
use wire::DeliveryJob;

/// The message for the attempt after `job`'s, for the delay queue of the ladder's step `step`.
pub fn retry_message(policy: &RetryPolicy, job: &DeliveryJob, step: usize) -> Message {
    let next = DeliveryJob {
        delivery: job.delivery.clone(),
        attempt: job.attempt + 1,
        step: job.step + 1,
        trigger: Trigger::Retry,
        repeat: false,
        deferred_for: Duration::ZERO,
    };
    let queue = topology::retry_queue(policy, step);
    Message::new(topology::DELIVERY_EXCHANGE, &queue, next.encode())
        .content_type(wire::DELIVERY_JOB)
        .message_id(&job.delivery.id.to_string())
}

/// The first step that covers the time left until the retry is due: for a retry whose message may be missing.
pub fn step_covering(policy: &RetryPolicy, due_in: Option<SignedDuration>) -> usize {
    let left = due_in.unwrap_or(SignedDuration::ZERO);
    let covers = |delay: &std::time::Duration| SignedDuration::try_from(*delay).is_ok_and(|delay| delay >= left);
    policy
        .ladder()
        .iter()
        .position(covers)
        .unwrap_or(policy.ladder().len() - 1)
}
