//! How one sender throttles a webhook whose receiver limits the rate: it sends nothing for the requested time, and then
//! only released deliveries, so that new events do not overtake waiting ones and exceed the limit again.

use std::time::Duration;

use crate::deferral::{Deferral, DeferralCause};

/// For this long after the last 429, new deliveries are spilled behind the waiting ones.
const BACKLOG_FIRST: Duration = Duration::from_secs(30);

/// Why a delivery is not sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// Nothing is sent for a time.
    Closed(Deferral),
    /// Deliveries in the outbox go first.
    BacklogFirst,
}

/// The receiver's rate limit, as one sender knows it. Times count from any fixed moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttle {
    /// Nothing is sent until then, and why.
    closed_until: Duration,
    cause: Option<DeferralCause>,
    /// New deliveries are spilled until then.
    backlog_until: Duration,
}

impl Throttle {
    /// An attempt at `now` was deferred, or got 503 with `Retry-After`.
    pub fn defer(&mut self, now: Duration, deferral: Deferral) {
        let until = now.saturating_add(deferral.wait);
        if until >= self.closed_until {
            (self.closed_until, self.cause) = (until, Some(deferral.cause));
        }
        if deferral.cause == DeferralCause::Throttled {
            self.backlog_until = self.backlog_until.max(until.saturating_add(BACKLOG_FIRST));
        }
    }

    /// Whether a delivery may be sent at `now`. `released`: it comes from the outbox relay, which keeps to the
    /// webhook's release rate.
    ///
    /// # Errors
    /// [`NotNow`] when it has to wait.
    pub fn admit(&self, now: Duration, released: bool) -> Result<(), NotNow> {
        match self.cause {
            Some(cause) if now < self.closed_until => Err(NotNow::Closed(Deferral {
                cause,
                wait: self.closed_until - now,
            })),
            Some(_) if now < self.backlog_until && !released => Err(NotNow::BacklogFirst),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn throttled(wait: Duration) -> Deferral {
        Deferral {
            cause: DeferralCause::Throttled,
            wait,
        }
    }

    #[test]
    fn nothing_is_sent_for_the_time_asked_for_and_new_events_wait_longer() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.admit(SECOND, false), Ok(()));
        throttle.defer(10 * SECOND, throttled(5 * SECOND));
        for released in [false, true] {
            assert_eq!(
                throttle.admit(12 * SECOND, released),
                Err(NotNow::Closed(throttled(3 * SECOND)))
            );
        }
        assert_eq!(throttle.admit(15 * SECOND, true), Ok(()));
        assert_eq!(throttle.admit(44 * SECOND, false), Err(NotNow::BacklogFirst));
        assert_eq!(throttle.admit(45 * SECOND, false), Ok(()));
    }

    #[test]
    fn a_shorter_wait_does_not_end_a_longer_one() {
        let mut throttle = Throttle::default();
        throttle.defer(SECOND, throttled(60 * SECOND));
        throttle.defer(2 * SECOND, throttled(SECOND));
        assert_eq!(
            throttle.admit(4 * SECOND, true),
            Err(NotNow::Closed(throttled(57 * SECOND)))
        );
    }

    #[test]
    fn trouble_on_our_side_does_not_keep_new_events_back_once_it_is_over() {
        let mut throttle = Throttle::default();
        throttle.defer(SECOND, Deferral::new(DeferralCause::LocalError, None));
        assert!(throttle.admit(2 * SECOND, false).is_err());
        assert_eq!(throttle.admit(6 * SECOND, false), Ok(()));
    }
}
