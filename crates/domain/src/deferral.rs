//! Deferral: postponing deliveries that have not failed, because the receiver limits the rate or the fault is on our
//! side.

use std::time::Duration;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A delivery whose attempts were all deferred for this long ends failed.
pub const MAX_DEFERRED: Duration = Duration::from_secs(24 * 3600);

/// The wait after a 429 without `Retry-After`.
const THROTTLED_WAIT: Duration = Duration::from_secs(1);
/// The wait after a local error. Every webhook with traffic is attempted once in it, so it is no shorter.
const LOCAL_ERROR_WAIT: Duration = Duration::from_secs(5);
/// Maximum random share added to a wait: many deliveries, and many senders, wait for the same moment.
const JITTER: f64 = 0.2;

/// Why a delivery is deferred.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum DeferralCause {
    /// The receiver's rate limit: 429, or 503 with `Retry-After`.
    Throttled,
    /// A fault on our side.
    LocalError,
    /// No slot was free, because other webhooks of its health class hold them all.
    Crowded,
}

/// The postponement of a delivery that has not failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deferral {
    /// Why.
    pub cause: DeferralCause,
    /// Nothing is sent to the webhook during this time.
    pub wait: Duration,
}

impl Deferral {
    /// A deferral for the receiver's `Retry-After`, at most [`MAX_DEFERRED`]; for a short default without one.
    pub fn new(cause: DeferralCause, retry_after: Option<Duration>) -> Self {
        let least = match cause {
            DeferralCause::Throttled => THROTTLED_WAIT,
            DeferralCause::LocalError => LOCAL_ERROR_WAIT,
            DeferralCause::Crowded => Duration::ZERO,
        };
        Self {
            cause,
            wait: retry_after.unwrap_or_default().clamp(least, MAX_DEFERRED),
        }
    }

    /// The same deferral, extended by a random share: `chance` is from 0 to 1.
    #[must_use]
    pub fn with_jitter(self, chance: f64) -> Self {
        Self {
            wait: self.wait.mul_f64(1.0 + JITTER * chance.clamp(0.0, 1.0)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_receiver_says_how_long_within_a_day() {
        let wait = |asked| Deferral::new(DeferralCause::Throttled, asked).wait;
        assert_eq!(wait(None), SECOND);
        assert_eq!(wait(Some(Duration::ZERO)), SECOND);
        assert_eq!(wait(Some(90 * SECOND)), 90 * SECOND);
        assert_eq!(wait(Some(Duration::MAX)), MAX_DEFERRED);
    }

    #[test]
    fn jitter_only_lengthens() {
        let deferral = Deferral::new(DeferralCause::LocalError, None);
        assert_eq!(deferral.with_jitter(0.0), deferral);
        assert_eq!(deferral.with_jitter(1.0).wait, 6 * SECOND);
        assert_eq!(deferral.with_jitter(7.0).wait, 6 * SECOND);
    }
}
