//! The next step of the ladder: a new message to the delay queue, never a dead-lettered old one. RabbitMQ takes a
//! message that returns to a queue by dead-lettering alone for a cycle, and wedges the delay queue on it.

use broker::{Message, topology};
use domain::{RetryPolicy, Trigger};
use jiff::{SignedDuration, Timestamp};
use wire::DeliveryJob;

use crate::attempt::now;

/// The message that asks for the attempt after `job`'s, to wait in the queue of the ladder's step `step`.
pub fn retry_message(policy: &RetryPolicy, job: &DeliveryJob, step: usize) -> Message {
    let next = DeliveryJob {
        attempt: job.attempt + 1,
        step: job.step + 1,
        trigger: Trigger::Retry,
        repeat: false,
        ..job.clone()
    };
    let queue = topology::retry_queue(policy, step);
    Message::new(topology::DELIVERY_EXCHANGE, &queue, next.encode())
        .content_type(wire::DELIVERY_JOB)
        .message_id(&job.delivery.to_string())
}

/// When an attempt that waits for the step's delay from now is due.
pub fn due_at(policy: &RetryPolicy, step: usize) -> Timestamp {
    let delay = SignedDuration::try_from(policy.ladder()[step]).expect("a step is at most a day");
    now().saturating_add(delay).expect("a signed duration never fails to be added, it saturates")
}

/// The first step long enough to cover what is left until `due`: for a retry whose message may be missing.
pub fn step_covering(policy: &RetryPolicy, due: Option<Timestamp>) -> usize {
    let left = due.map_or(SignedDuration::ZERO, |due| due.duration_since(now()));
    let covers = |delay: &std::time::Duration| SignedDuration::try_from(*delay).is_ok_and(|delay| delay >= left);
    policy.ladder().iter().position(covers).unwrap_or(policy.ladder().len() - 1)
}
