//! What the retention keeps, and what is past.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::partitions::day_of;

/// The horizon: the beginning of the retained time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Horizon {
    pub(crate) at: Timestamp,
}

impl Horizon {
    /// `days` before `now`. If there is no such time, nothing is expired.
    pub(crate) fn new(now: Timestamp, days: u16) -> Self {
        let kept = SignedDuration::from_hours(i64::from(days) * 24);
        Self {
            at: now.checked_sub(kept).unwrap_or(Timestamp::MIN),
        }
    }

    /// Whether the day ended before the horizon.
    pub(crate) fn is_past(self, day: Date) -> bool {
        day < self.first_day()
    }

    /// The day of the horizon is retained as a whole.
    pub(crate) fn first_day(self) -> Date {
        day_of(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_past_when_its_last_moment_is() {
        let past = |now: &str, day: &str| Horizon::new(now.parse().unwrap(), 30).is_past(day.parse().unwrap());
        assert!(past("2026-10-31T00:00:00Z", "2026-09-30"));
        assert!(!past("2026-10-31T00:00:00Z", "2026-10-01"));
        assert!(!past("2026-10-30T23:59:59.999999Z", "2026-09-30"));
        assert!(past("2026-10-30T23:59:59.999999Z", "2026-09-29"));
    }

    #[test]
    fn no_setting_reaches_before_time() {
        assert_eq!(Horizon::new(Timestamp::MIN, u16::MAX).at, Timestamp::MIN);
    }
}
