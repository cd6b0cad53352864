//! The retry policy: what follows an attempt.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::deferral::{Deferral, DeferralCause, MAX_DEFERRED};
use crate::outcome::Outcome;

/// Allowed number of delays in a ladder: each is a queue of its own on the broker.
const LADDER_STEPS: RangeInclusive<usize> = 1..=10;

/// Allowed length of a delay.
const STEP_DELAY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// Why an attempt is made.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(into = "&'static str")]
pub enum Trigger {
    /// An event matched the webhook.
    Event,
    /// A retry: an earlier attempt failed, and its delay has passed.
    Retry,
    /// An administrator requested one attempt (manual retry).
    Manual,
    /// The webhook was resumed, or its failed deliveries are being recovered.
    Resume,
    /// The Test button.
    Test,
}

impl Trigger {
    /// The trigger of an attempt that was postponed: a manual retry stays a single attempt, every other one continues
    /// with its ladder.
    #[must_use]
    pub const fn after_waiting(self) -> Self {
        match self {
            Self::Manual => Self::Manual,
            Self::Event | Self::Retry | Self::Resume | Self::Test => Self::Resume,
        }
    }
}

/// Which failed attempts are retried, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    ladder: Vec<Duration>,
    retry_client_errors: bool,
}

/// Why a list of delays is not a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetryPolicyError {
    /// None, or too many.
    #[error("a retry ladder has 1 to 10 delays")]
    Count,
    /// Too short, too long or not whole seconds.
    #[error("a retry delay is a whole number of seconds from 1 s to 24 h")]
    Delay,
    /// Not each longer than the one before.
    #[error("retry delays ascend: each is longer than the one before")]
    Order,
}

/// The facts about an attempt that decide what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptFacts {
    /// Its outcome.
    pub outcome: Outcome,
    /// The status of the response, if there was one.
    pub http_status: Option<u16>,
    /// The response's `Retry-After` ([`crate::parse_retry_after`]).
    pub retry_after: Option<Duration>,
    /// Why the attempt was made.
    pub trigger: Trigger,
    /// How many steps of its current ladder the delivery has used: 0 after the first attempt, 1 after the first retry.
    /// A retry counts once however far `Retry-After` moved it, so that a receiver that asks for longer waits gets no
    /// fewer attempts.
    pub step: u32,
    /// How long all attempts have been deferred, this one not included.
    pub deferred_for: Duration,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The delivery succeeded.
    Delivered,
    /// A retry follows after this step's delay.
    RetryAt {
        /// Index into the ladder.
        step: usize,
    },
    /// The delivery is deferred. It uses no step of the ladder and counts as no failure.
    Deferred(Deferral),
    /// The delivery was deferred for [`MAX_DEFERRED`]: it has failed, which is not counted.
    Expired,
    /// The delivery has failed.
    Failed,
    /// The delivery has failed with 410: the webhook is to be paused.
    FailedGone,
}

impl AttemptFacts {
    /// The throttling that the response asks for, for everything sent to the webhook: 429, or 503 with `Retry-After`.
    pub fn throttled(&self) -> Option<Deferral> {
        match (self.http_status, self.retry_after) {
            (Some(429), asked) => Some(Deferral::new(DeferralCause::Throttled, asked)),
            // The delivery itself is retried by the ladder, whose delay may be just as long.
            (Some(503), Some(asked)) => Some(Deferral {
                cause: DeferralCause::Throttled,
                wait: asked.min(MAX_DEFERRED),
            }),
            _ => None,
        }
    }
}

impl RetryPolicy {
    /// A policy with these delays between attempts. `retry_client_errors`: whether a 4xx status other than 408 and 425
    /// is retried too; 429 is never a failure.
    ///
    /// # Errors
    /// Unless there are 1–10 delays, ascending, each a whole number of seconds from 1 s to 24 h.
    pub fn new(ladder: Vec<Duration>, retry_client_errors: bool) -> Result<Self, RetryPolicyError> {
        if !LADDER_STEPS.contains(&ladder.len()) {
            return Err(RetryPolicyError::Count);
        }
        if !ladder
            .iter()
            .all(|delay| STEP_DELAY.contains(delay) && delay.subsec_nanos() == 0)
        {
            return Err(RetryPolicyError::Delay);
        }
        if !ladder.is_sorted_by(|shorter, longer| shorter < longer) {
            return Err(RetryPolicyError::Order);
        }
        Ok(Self {
            ladder,
            retry_client_errors,
        })
    }

    /// The delays, in ascending order.
    pub fn ladder(&self) -> &[Duration] {
        &self.ladder
    }

    /// The name of a step's delay in its largest whole unit, as its queue is named after it: `1m`, `90s`, `2h`.
    ///
    /// # Panics
    /// If the ladder has no such step.
    pub fn step_name(&self, step: usize) -> String {
        let seconds = self.ladder[step].as_secs();
        match (seconds % 3600, seconds % 60) {
            (0, _) => format!("{}h", seconds / 3600),
            (_, 0) => format!("{}m", seconds / 60),
            _ => format!("{seconds}s"),
        }
    }

    /// What follows an attempt.
    ///
    /// A manual retry and a test delivery are single attempts: they are never retried. A manual retry is deferred by a
    /// local error only, because the receiver was not reached. A 410 pauses the webhook, except after a test delivery,
    /// which changes nothing.
    pub fn next(&self, facts: &AttemptFacts) -> Next {
        if facts.outcome.is_success() {
            return Next::Delivered;
        }
        if let Some(deferral) = deferral(facts) {
            return if facts.deferred_for < MAX_DEFERRED {
                Next::Deferred(deferral)
            } else {
                Next::Expired
            };
        }
        if is_gone(facts) && facts.trigger != Trigger::Test {
            return Next::FailedGone;
        }
        if matches!(facts.trigger, Trigger::Manual | Trigger::Test) || !self.may_pass(facts) {
            return Next::Failed;
        }
        self.next_step(facts)
            .map_or(Next::Failed, |step| Next::RetryAt { step })
    }

    /// Whether a failure may be temporary.
    fn may_pass(&self, facts: &AttemptFacts) -> bool {
        match facts.outcome {
            Outcome::Http5xx | Outcome::Timeout | Outcome::ConnectError | Outcome::DnsError | Outcome::TlsError => true,
            Outcome::Http4xx => self.retry_client_errors || matches!(facts.http_status, Some(408 | 425)),
            Outcome::Success | Outcome::Http3xx | Outcome::Blocked | Outcome::LocalError => false,
        }
    }

    /// The next step, or the first one after it that is as long as `Retry-After` asks, or the last.
    fn next_step(&self, facts: &AttemptFacts) -> Option<usize> {
        let due = usize::try_from(facts.step).ok()?;
        let delays = self.ladder.get(due..).filter(|delays| !delays.is_empty())?;
        let asked = facts.retry_after.unwrap_or_default();
        let further = delays
            .iter()
            .position(|delay| *delay >= asked)
            .unwrap_or(delays.len() - 1);
        Some(due + further)
    }
}

/// 1 m, 5 m, 30 m; client errors are not retried.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            ladder: [60, 300, 1800].map(Duration::from_secs).into(),
            retry_client_errors: false,
        }
    }
}

/// The deferral, if the attempt says nothing against the receiver.
fn deferral(facts: &AttemptFacts) -> Option<Deferral> {
    let cause = match (facts.outcome, facts.http_status, facts.trigger) {
        (_, _, Trigger::Test) => return None,
        (Outcome::LocalError, _, _) => DeferralCause::LocalError,
        (Outcome::Http4xx, Some(429), trigger) if trigger != Trigger::Manual => DeferralCause::Throttled,
        _ => return None,
    };
    Some(Deferral::new(cause, facts.retry_after))
}

fn is_gone(facts: &AttemptFacts) -> bool {
    facts.outcome == Outcome::Http4xx && facts.http_status == Some(410)
}

#[cfg(test)]
mod tests;
