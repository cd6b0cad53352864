//! A webhook's health: the source of its status and of auto-pause.

use std::time::Duration;

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::retry::{Next, Trigger};

/// A webhook's status, as the list shows it. Derived ([`WebhookHealth::status`]), never stored.
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
pub enum WebhookStatus {
    /// Deliveries are sent, and nothing is wrong.
    Active,
    /// Nothing is sent; matching events are held.
    Paused,
    /// Deliveries are sent, but fail.
    Error,
}

/// Why a webhook is paused.
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
pub enum PausedReason {
    /// An administrator paused it.
    User,
    /// Too many deliveries in a row failed.
    RepeatedFailures,
    /// The receiver answered 410 Gone.
    Gone,
}

/// Consecutive failed deliveries at which administrators are warned.
pub(crate) const WARNING_AFTER: u32 = 5;

/// The rule for auto-pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AutoPause {
    /// Consecutive failed deliveries after which a webhook is paused; 0 switches auto-pause off.
    pub after: u32,
    /// Minimum time between the first and the last of them. An endpoint that responds with 404 briefly at each
    /// deployment is not paused for it.
    pub within: Duration,
    /// Auto-pause is suspended: most webhooks began to fail together ([`crate::MassFailure`]), so the cause is more
    /// likely on our side.
    pub suspended: bool,
}

impl AutoPause {
    /// Whether a warning precedes the pause: with a threshold of five or less it would come with the pause or after it.
    /// With auto-pause off, the warning is the only notification.
    const fn warns(self) -> bool {
        self.after == 0 || self.after > WARNING_AFTER
    }

    /// Whether this many failures in this time pause a webhook.
    fn pauses(self, consecutive_failures: u32, failing_for: Duration) -> bool {
        self.after > 0 && consecutive_failures >= self.after && failing_for >= self.within && !self.suspended
    }
}

/// The result of a webhook's recent attempts. "In a row" means since the last success.
///
/// Automatic attempts count: first attempts, retries, and those of held or recovered deliveries. A test delivery
/// changes nothing. A failed manual retry does not count either, but a successful one is a success like any other: the
/// receiver has shown that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookHealth {
    /// Consecutive automatic deliveries that failed.
    pub consecutive_failures: u32,
    /// Consecutive automatic attempts without success.
    pub failed_attempts: u32,
    /// Why the webhook is paused, if it is.
    pub paused: Option<PausedReason>,
}

/// The consequence of a change of health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthEffect {
    /// Warn the administrators that the webhook keeps failing.
    Warn,
    /// The webhook has just been auto-paused: notify the administrators.
    Pause(PausedReason),
    /// After a warning, a delivery succeeded again: notify the administrators.
    Recovered,
}

impl WebhookHealth {
    /// Consecutive failed attempts from which the status is `error`, even if no delivery has failed yet.
    pub const ERROR_AFTER_ATTEMPTS: u32 = 3;

    /// The displayed status: paused; else error when a delivery has failed, or three attempts in a row have, since the
    /// last success; else active.
    pub const fn status(&self) -> WebhookStatus {
        if self.paused.is_some() {
            WebhookStatus::Paused
        } else if self.consecutive_failures > 0 || self.failed_attempts >= Self::ERROR_AFTER_ATTEMPTS {
            WebhookStatus::Error
        } else {
            WebhookStatus::Active
        }
    }

    /// The health after an attempt made for `trigger` with the result `next`, and the consequence of the change.
    ///
    /// A pause is announced by the one change that makes it: for a paused webhook, late failures only add to the
    /// counters. A deferral says nothing about the receiver's health. An unchanged health needs no write.
    /// `failing_for`: the time since the first of the consecutive failures.
    pub fn after_attempt(
        self,
        trigger: Trigger,
        next: Next,
        auto_pause: AutoPause,
        failing_for: Duration,
    ) -> (Self, Option<HealthEffect>) {
        match (trigger, next) {
            (Trigger::Test, _)
            | (_, Next::Deferred(_) | Next::Expired)
            | (Trigger::Manual, Next::Failed | Next::RetryAt { .. }) => (self, None),
            (_, Next::Delivered) => self.after_success(auto_pause),
            (Trigger::Manual, Next::FailedGone) => self.pause(PausedReason::Gone),
            (_, Next::RetryAt { .. }) => (self.count_attempt(), None),
            (_, Next::Failed) => self.after_failure(auto_pause, failing_for),
            (_, Next::FailedGone) => self.count_attempt().count_failure().pause(PausedReason::Gone),
        }
    }

    fn after_success(self, auto_pause: AutoPause) -> (Self, Option<HealthEffect>) {
        let warned = auto_pause.warns() && self.consecutive_failures >= WARNING_AFTER && self.paused.is_none();
        (
            Self {
                paused: self.paused,
                ..Self::default()
            },
            warned.then_some(HealthEffect::Recovered),
        )
    }

    fn after_failure(self, auto_pause: AutoPause, failing_for: Duration) -> (Self, Option<HealthEffect>) {
        let health = self.count_attempt().count_failure();
        if health.paused.is_some() {
            (health, None)
        } else if auto_pause.pauses(health.consecutive_failures, failing_for) {
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
            None => (
                Self {
                    paused: Some(reason),
                    ..self
                },
                Some(HealthEffect::Pause(reason)),
            ),
        }
    }

    fn count_attempt(self) -> Self {
        Self {
            failed_attempts: self.failed_attempts.saturating_add(1),
            ..self
        }
    }

    fn count_failure(self) -> Self {
        Self {
            consecutive_failures: self.consecutive_failures.saturating_add(1),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
