//! What is written of a delivery after an attempt.

use std::sync::Arc;
use std::time::Duration;

use domain::{Deferral, DeliveryHead, DeliveryPhase, DeliveryState, Next, Outcome, Trigger};
use jiff::Timestamp;

/// A delivery as it stands after an attempt, or after it was decided that none is made.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// The delivery; its id and its day name the row.
    pub delivery: DeliveryHead,
    /// Where it stands now.
    pub disposition: Disposition,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Steps of the ladder used.
    pub step: u32,
    /// The attempt just made.
    pub attempt: Option<AttemptRecord>,
}

/// Where a delivery stands, with what its state needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// An attempt succeeded.
    Delivered,
    /// A retry follows.
    Retrying {
        /// How long after its commit the next attempt is due.
        retry_in: Duration,
    },
    /// No further automatic attempt is made.
    Failed {
        /// Why the delivery failed, when no attempt says so.
        error: Option<String>,
    },
    /// The delivery is in the outbox until its webhook is resumed.
    Held(OutboxEntry),
    /// The delivery is in the outbox: no slot was free, or its attempt was deferred.
    Spilled(OutboxEntry),
}

impl Disposition {
    /// The phase in which the delivery is now.
    pub const fn phase(&self) -> DeliveryPhase {
        match self {
            Self::Delivered => DeliveryPhase::Delivered,
            Self::Retrying { .. } => DeliveryPhase::Retrying,
            Self::Failed { .. } => DeliveryPhase::Failed,
            Self::Held(_) => DeliveryPhase::Held,
            Self::Spilled(_) => DeliveryPhase::Spilled,
        }
    }

    /// The state that the log shows.
    pub const fn state(&self) -> DeliveryState {
        self.phase().state()
    }

    pub(super) const fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::Retrying { retry_in } => Some(*retry_in),
            _ => None,
        }
    }

    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Self::Failed { error } => error.as_deref(),
            _ => None,
        }
    }

    pub(super) const fn outbox(&self) -> Option<OutboxEntry> {
        match self {
            Self::Held(entry) | Self::Spilled(entry) => Some(*entry),
            _ => None,
        }
    }
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
