//! How fast waiting deliveries are released to a webhook: carefully after trouble, faster while it absorbs them.

use std::time::Duration;

/// Released together; the pace is a number of these a second.
pub const RELEASE_INTERVAL: Duration = Duration::from_millis(100);

/// The least that is tried: a webhook in trouble is asked every five seconds whether it is better. What comes back costs
/// the database and the broker as much as what is delivered.
const LEAST: f64 = 0.2;
/// Deliveries that only their receiver's slowness kept back are not paced beyond what it absorbs; this
/// bounds what a relay does for one webhook.
const MOST: f64 = 1_000.0;
/// Released at once at most: they are in memory with their payloads, which may have 256 KiB each.
const MOST_AT_ONCE: f64 = 100.0;
/// Growth an interval: twofold in half a second. When one is released in more than that, twofold with each.
const GROWTH: f64 = 1.15;
const MOST_GROWTH: f64 = 2.0;
/// After trouble.
const CUT: f64 = 0.5;

/// Deliveries a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReleasePace(f64);

/// What the last moment showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absorption {
    /// A delivery released before came back: the webhook is at its limit.
    pub returned: bool,
    /// The last attempt for the webhook failed.
    pub failing: bool,
    /// Deliveries of the batch were held or are being recovered: their receiver has just come back, and is spared. Others
    /// were kept back by nothing but its limit.
    pub spared: bool,
}

impl ReleasePace {
    /// To begin with when the webhook was paused because it failed.
    pub const CAREFUL: Self = Self(2.0);
    /// To begin with when nothing is known.
    pub const START: Self = Self(20.0);

    /// A pace as it was stored or configured, within what makes sense.
    pub fn new(per_second: f64) -> Self {
        if per_second.is_finite() { Self(per_second.clamp(LEAST, MOST)) } else { Self::CAREFUL }
    }

    /// Deliveries a second.
    pub const fn per_second(self) -> f64 {
        self.0
    }

    /// Deliveries to release at once, so that [`Self::until_next`] is about [`RELEASE_INTERVAL`]; more, up to a second's
    /// worth, when the webhook's turn is `late`: many webhooks are released to at once.
    pub fn batch(self, late: Duration) -> u32 {
        let time = (RELEASE_INTERVAL + late).min(Duration::from_secs(1));
        (self.0 * time.as_secs_f64()).ceil().clamp(1.0, MOST_AT_ONCE) as u32
    }

    /// How long that many releases last at this pace.
    pub fn until_next(self, released: u32) -> Duration {
        Duration::from_secs_f64(f64::from(released) / self.0)
    }

    /// The pace after a batch of deliveries: no faster than `configured` where the receiver is spared, otherwise as fast as
    /// it absorbs them.
    #[must_use]
    pub fn next(self, seen: Absorption, configured: Self) -> Self {
        let trouble = seen.returned || (seen.spared && seen.failing);
        let intervals = self.until_next(self.batch(Duration::ZERO)).div_duration_f64(RELEASE_INTERVAL);
        let pace = self.0 * if trouble { CUT } else { GROWTH.powf(intervals).min(MOST_GROWTH) };
        Self::new(pace.min(if seen.spared { configured.0 } else { MOST }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Absorption = Absorption { returned: false, failing: false, spared: true };

    #[test]
    fn a_webhook_that_absorbs_reaches_the_configured_pace_within_seconds_and_no_more() {
        let configured = ReleasePace::new(50.0);
        let (mut pace, mut time) = (ReleasePace::CAREFUL, Duration::ZERO);
        while pace != configured {
            time += pace.until_next(pace.batch(Duration::ZERO));
            pace = pace.next(WELL, configured);
        }
        assert!(time < Duration::from_secs(5), "{time:?}");
        assert_eq!(pace.next(WELL, configured), configured);
        let not_held = Absorption { spared: false, ..WELL };
        assert!(pace.next(not_held, configured).per_second() > 50.0, "what is not held is not held back");
    }

    #[test]
    fn trouble_slows_it_down_to_one_in_five_seconds() {
        let (mut pace, configured) = (ReleasePace::new(50.0), ReleasePace::new(50.0));
        for _ in 0..20 {
            pace = pace.next(Absorption { returned: true, ..WELL }, configured);
        }
        assert_eq!((pace.per_second(), pace.batch(Duration::ZERO)), (0.2, 1));
        let failing = Absorption { failing: true, ..WELL };
        assert_eq!(configured.next(failing, configured).per_second(), 25.0);
        let fails_at_once = Absorption { spared: false, ..failing };
        assert!(configured.next(fails_at_once, configured).per_second() > 50.0, "failures are answers");
    }

    #[test]
    fn the_pace_is_kept_whatever_the_batch() {
        for per_second in [1.0, 7.0, 50.0, 999.0] {
            let pace = ReleasePace::new(per_second);
            let batch = pace.batch(Duration::ZERO);
            let kept = f64::from(batch) / pace.until_next(batch).as_secs_f64();
            assert!((kept - per_second).abs() < 0.01, "{per_second} {kept}");
        }
        assert_eq!(ReleasePace::new(f64::NAN), ReleasePace::CAREFUL);
        let late = [100, 900, 60_000].map(|ms| ReleasePace::new(50.0).batch(Duration::from_millis(ms)));
        assert_eq!(late, [10, 50, 50], "what is late is made up for, a second's worth at a time");
    }
}
