//! A webhook's limit of deliveries a second, as one sender keeps it.
//!
//! The outbox relay keeps the limit for all senders together. What it released while no sender took jobs would be posted
//! at once afterwards: a sender spills what exceeds the limit, and the relay releases it again.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The limit, with a burst of one second's worth.
#[derive(Debug)]
pub struct Pace(DefaultDirectRateLimiter);

impl Pace {
    /// The limit of `max_per_second`; `None` without one.
    pub fn new(max_per_second: Option<i32>) -> Option<Self> {
        let most = NonZeroU32::new(u32::try_from(max_per_second?).ok()?)?;
        Some(Self(RateLimiter::direct(Quota::per_second(most))))
    }

    /// Whether one more attempt is within the limit now.
    pub fn admits(&self) -> bool {
        self.0.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_is_admitted_at_once_and_no_more() {
        let pace = Pace::new(Some(5)).unwrap();
        assert_eq!((0..20).filter(|_| pace.admits()).count(), 5);
        assert!(Pace::new(None).is_none());
    }
}
