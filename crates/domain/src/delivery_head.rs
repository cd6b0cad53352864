//! The head of a delivery: what identifies it and is posted, from the fan-out to its end. Its job, its record in the log
//! and its release from the outbox all carry the same head.

use bytes::Bytes;
use jiff::Timestamp;

use crate::ids::{AccountName, DeliveryId, WebhookId};

/// What identifies a delivery and is posted, on all its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryHead {
    /// The same on every attempt.
    pub id: DeliveryId,
    /// The webhook; the sender reads its settings.
    pub webhook: WebhookId,
    /// Tenant that owns the webhook.
    pub account: AccountName,
    /// CloudEvents id of the source event.
    pub event_id: String,
    /// Name of the event's type, kept as text so that an older sender can deliver a newer type.
    pub event_type: String,
    /// When the event was accepted, to the microsecond (PostgreSQL's precision). Its UTC day selects the partition.
    pub accepted_at: Timestamp,
    /// Exact bytes to post and to sign.
    pub payload: Bytes,
    /// W3C trace context of the event.
    pub traceparent: Option<String>,
}
