//! Rejected jobs: messages for the rejected queue, body unchanged, with the reason.

use broker::{Incoming, Message, topology};
use bytes::Bytes;
use wire::DeliveryJob;

/// The message for `webhooks.deliveries.rejected`, for a job that cannot be decoded.
pub fn unreadable(incoming: &Incoming, detail: &str) -> Message {
    let message = incoming.forward_to(topology::DELIVERY_EXCHANGE, topology::DELIVERIES_REJECTED);
    with_reason(message, "malformed_job", detail)
}

/// The same, for a job whose outcome the database refuses.
pub fn unrecordable(job: &DeliveryJob, detail: &str) -> Message {
    with_reason(of(job), "refused_by_database", detail)
}

/// The same, for a job whose webhook belongs to another account than the job says.
pub fn of_another_account(job: &DeliveryJob) -> Message {
    with_reason(
        of(job),
        "other_account",
        "the webhook does not belong to the job's account",
    )
}

/// The same, for a job whose processing panicked: it must neither delay others nor be repeated without end.
pub fn panicked(body: Bytes) -> Message {
    let message = Message::new(topology::DELIVERY_EXCHANGE, topology::DELIVERIES_REJECTED, body);
    with_reason(
        message.content_type(wire::DELIVERY_JOB),
        "internal_error",
        "the sender's code panicked",
    )
}

fn of(job: &DeliveryJob) -> Message {
    Message::new(topology::DELIVERY_EXCHANGE, topology::DELIVERIES_REJECTED, job.encode())
        .content_type(wire::DELIVERY_JOB)
        .message_id(&job.delivery.id.to_string())
}

/// `x-source-queue` is where the job can be sent to again, whatever lane it came by.
fn with_reason(message: Message, reason: &str, detail: &str) -> Message {
    message
        .header("x-reject-reason", reason)
        .header("x-reject-detail", detail)
        .header("x-source-queue", topology::DELIVERIES)
}
