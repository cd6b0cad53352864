//! What is written of a delivery after an attempt.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{AccountName, Deferral, DeliveryId, DeliveryState, Next, Outcome, Trigger, WebhookId};
use jiff::Timestamp;

/// A delivery as it stands after an attempt, or after it was decided that none is made.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When its event was accepted; with the id it names the row.
    pub created_at: Timestamp,
    /// Tenant that owns the webhook.
    pub account: AccountName,
    /// Whom it is for.
    pub webhook: WebhookId,
    /// CloudEvents id of the event.
    pub event_id: String,
    /// Name of the event's type.
    pub event_type: String,
    /// Where it stands now.
    pub state: DeliveryState,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Steps of the ladder used.
    pub step: u32,
    /// Exact bytes posted and signed.
    pub payload: Bytes,
    /// W3C trace context of the event.
    pub traceparent: Option<String>,
    /// How long after its commit the next attempt is due; only while retrying.
    pub retry_in: Option<Duration>,
    /// Why the delivery failed without an attempt.
    pub error: Option<String>,
    /// The attempt just made.
    pub attempt: Option<AttemptRecord>,
    /// What it waits for, when it is `held` or `queued`.
    pub outbox: Option<OutboxEntry>,
}

/// A delivery that is left to the relay instead of being attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Why the attempt will be made.
    pub trigger: Trigger,
    /// The relay released it before: its webhook does not absorb what it gets.
    pub returned: bool,
    /// Why the relay has to wait, and for how long.
    pub deferral: Option<Deferral>,
}

/// One attempt and its end.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// Why it was made.
    pub trigger: Trigger,
    /// When it began.
    pub at: Timestamp,
    /// The webhook's URL at that time; `None` when it had none that could be posted to.
    pub url: Option<Arc<str>>,
    /// How long the delivery had been deferred before.
    pub deferred_for: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// From beginning to end, in milliseconds.
    pub response_time_ms: u32,
    /// Reason in words, when there was no answer.
    pub error: Option<String>,
    /// Beginning of the answer's body.
    pub response_excerpt: Vec<u8>,
    /// What follows from it, for its webhook's health.
    pub next: Next,
}
