//! A job that can never be handled goes to the side queue, body unchanged, with the reason.

use broker::{Incoming, Message, topology};
use wire::DeliveryJob;

/// The message for `webhooks.deliveries.rejected`, for a job that cannot be read.
pub fn unreadable(incoming: &Incoming, detail: &str) -> Message {
    let message = incoming.forward_to(topology::DELIVERY_EXCHANGE, topology::DELIVERIES_REJECTED);
    with_reason(message, "malformed_job", detail)
}

/// The same, for a job whose outcome the database refuses.
pub fn unrecordable(job: &DeliveryJob, detail: &str) -> Message {
    let message = Message::new(topology::DELIVERY_EXCHANGE, topology::DELIVERIES_REJECTED, job.encode())
        .content_type(wire::DELIVERY_JOB)
        .message_id(&job.delivery.to_string());
    with_reason(message, "refused_by_database", detail)
}

fn with_reason(message: Message, reason: &str, detail: &str) -> Message {
    message
        .header("x-reject-reason", reason)
        .header("x-reject-detail", detail)
        .header("x-source-queue", topology::DELIVERIES)
}
