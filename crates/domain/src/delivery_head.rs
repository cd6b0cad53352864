//! The head of a delivery: what identifies it and is posted, from the fan-out to its end. Its job, its record in the log
//! and its release from the outbox all carry the same head.

use bytes::Bytes;
use jiff::Timestamp;

use crate::ids::{AccountName, DeliveryId, WebhookId};

/// Longest subject that a delivery keeps, in bytes. A search takes no longer one, and it bounds what the log's index stores.
pub const MAX_SUBJECT_BYTES: usize = 255;

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
    /// CloudEvents subject, the record that the event is about; only one that [`is_kept_subject`].
    pub subject: Option<String>,
    /// When the event was accepted, to the microsecond (PostgreSQL's precision). Its UTC day selects the partition.
    pub accepted_at: Timestamp,
    /// Exact bytes to post and to sign.
    pub payload: Bytes,
    /// W3C trace context of the event.
    pub traceparent: Option<String>,
}

/// Whether a delivery keeps the subject, so that it can be searched for. A longer one still reaches receivers.
pub fn is_kept_subject(subject: &str) -> bool {
    (1..=MAX_SUBJECT_BYTES).contains(&subject.len()) && !subject.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_kept_unless_it_is_long_or_cannot_be_stored() {
        assert!(is_kept_subject("deals/9001") && is_kept_subject(&"x".repeat(255)));
        for subject in ["", "a\0b", &"x".repeat(256)] {
            assert!(!is_kept_subject(subject), "{subject:?}");
        }
    }
}
