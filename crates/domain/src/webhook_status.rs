//! A webhook's health: what its status is derived from, and when it is paused by itself.

use crate::label::labelled_enum;
use crate::retry::{Next, Trigger};

labelled_enum! {
    "webhook status"
    /// A webhook's status, as the list shows it. Derived ([`WebhookHealth::status`]), never stored.
    pub enum WebhookStatus {
        /// Deliveries are sent, and nothing is wrong.
        Active = "active",
        /// Nothing is sent; what matches is held.
        Paused = "paused",
        /// Deliveries are sent, but fail.
        Error = "error",
    }
}

labelled_enum! {
    "reason of a pause"
    /// Why a webhook is paused.
    pub enum PausedReason {
        /// An administrator paused it.
        User = "user",
        /// Too many deliveries in a row failed.
        RepeatedFailures = "repeated_failures",
        /// The receiver answered 410 Gone.
        Gone = "gone",
    }
}

/// Consecutive failed deliveries at which administrators are warned.
pub(crate) const WARNING_AFTER: u32 = 5;

/// When a webhook is paused by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoPause {
    /// Consecutive failed deliveries after which it is paused; 0 switches it off.
    pub after: u32,
}

impl AutoPause {
    /// Whether a warning precedes the pause: with a threshold of five or less it would come with the pause or after
    /// it. Where the pause is switched off, the warning is all that administrators get.
    const fn warns(self) -> bool {
        self.after == 0 || self.after > WARNING_AFTER
    }
}

/// What a webhook's recent attempts say about it. "In a row" means since the last success.
///
/// Automatic attempts count: first attempts, retries, and those of held or recovered deliveries. A test changes
/// nothing. A manual attempt that fails counts for nothing either, but one that succeeds is a success like any other:
/// the receiver has shown that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookHealth {
    /// Automatic deliveries in a row that ended failed.
    pub consecutive_failures: u32,
    /// Automatic attempts in a row without success.
    pub failed_attempts: u32,
    /// Why the webhook is paused, if it is.
    pub paused: Option<PausedReason>,
}

/// What a change of health calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthEffect {
    /// Tell the administrators that the webhook keeps failing.
    Warn,
    /// The webhook has just been paused: tell the administrators why.
    Pause(PausedReason),
    /// After a warning, a delivery succeeded again: tell the administrators.
    Recovered,
}

impl WebhookHealth {
    /// Failed attempts in a row from which the status is `error`, even if no delivery has failed yet.
    pub const ERROR_AFTER_ATTEMPTS: u32 = 3;

    /// The status that people see: paused; else error when a delivery has failed, or three attempts in a row have,
    /// since the last success; else active.
    pub const fn status(&self) -> WebhookStatus {
        if self.paused.is_some() {
            WebhookStatus::Paused
        } else if self.consecutive_failures > 0 || self.failed_attempts >= Self::ERROR_AFTER_ATTEMPTS {
            WebhookStatus::Error
        } else {
            WebhookStatus::Active
        }
    }

    /// The health after an attempt made for `trigger` and judged as `next`, and what the change calls for.
    ///
    /// A pause is announced by the one change that makes it: to a webhook that is paused already, late failures
    /// only add to the counters. An unchanged health needs no write.
    pub fn after_attempt(self, trigger: Trigger, next: Next, auto_pause: AutoPause) -> (Self, Option<HealthEffect>) {
        match (trigger, next) {
            (Trigger::Test, _) | (Trigger::Manual, Next::Failed | Next::RetryAt { .. }) => (self, None),
            (_, Next::Delivered) => self.after_success(auto_pause),
            (Trigger::Manual, Next::FailedGone) => self.pause(PausedReason::Gone),
            (_, Next::RetryAt { .. }) => (self.count_attempt(), None),
            (_, Next::Failed) => self.after_failure(auto_pause),
            (_, Next::FailedGone) => self.count_attempt().count_failure().pause(PausedReason::Gone),
        }
    }

    /// The health after an administrator paused the webhook. A webhook that is paused already keeps its reason.
    pub fn paused_by_user(self) -> Self {
        Self { paused: self.paused.or(Some(PausedReason::User)), ..self }
    }

    /// The health after an administrator resumed the webhook: counted from 0 again, or a webhook paused by itself would
    /// be paused again by the first failure.
    pub fn resumed(self) -> Self {
        Self::default()
    }

    fn after_success(self, auto_pause: AutoPause) -> (Self, Option<HealthEffect>) {
        let warned = auto_pause.warns() && self.consecutive_failures >= WARNING_AFTER && self.paused.is_none();
        (Self { paused: self.paused, ..Self::default() }, warned.then_some(HealthEffect::Recovered))
    }

    fn after_failure(self, auto_pause: AutoPause) -> (Self, Option<HealthEffect>) {
        let health = self.count_attempt().count_failure();
        if health.paused.is_some() {
            (health, None)
        } else if auto_pause.after > 0 && health.consecutive_failures >= auto_pause.after {
            health.pause(PausedReason::RepeatedFailures)
        } else if auto_pause.warns() && health.consecutive_failures == WARNING_AFTER {
            (health, Some(HealthEffect::Warn))
        } else {
            (health, None)
        }
    }

    fn pause(self, reason: PausedReason) -> (Self, Option<HealthEffect>) {
        match self.paused {
            Some(_) => (self, None),
            None => (Self { paused: Some(reason), ..self }, Some(HealthEffect::Pause(reason))),
        }
    }

    fn count_attempt(self) -> Self {
        Self { failed_attempts: self.failed_attempts.saturating_add(1), ..self }
    }

    fn count_failure(self) -> Self {
        Self { consecutive_failures: self.consecutive_failures.saturating_add(1), ..self }
    }
}

#[cfg(test)]
mod tests;
