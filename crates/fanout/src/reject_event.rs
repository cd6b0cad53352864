//! Rejects events: one that can never be processed goes to the rejected queue, body unchanged, with the reason.

use broker::{Incoming, Message, topology};
use wire::Rejection;

/// The message for `webhooks.events.rejected`.
pub fn rejected(incoming: &Incoming, rejection: &Rejection) -> Message {
    incoming
        .forward_to(topology::DELIVERY_EXCHANGE, topology::EVENTS_REJECTED)
        .header("x-reject-reason", rejection.reason.into())
        .header("x-reject-detail", &rejection.detail)
        .header("x-source-queue", topology::EVENTS)
}
