//! The release rate of a webhook: how fast the outbox relay releases its deliveries. Slow start after failures, faster
//! while the webhook keeps up.

use std::time::Duration;

/// Interval between two batches of a release; the rate determines the size of a batch.
pub const RELEASE_INTERVAL: Duration = Duration::from_millis(100);

/// Minimum rate: one delivery in five seconds tries a failing webhook. A re-spill costs the database and the broker as
/// much as a delivery.
const LEAST: f64 = 0.2;
/// Minimum rate for a receiver with a rate limit: some accept one request a minute.
const LEAST_THROTTLED: f64 = 1.0 / 60.0;
/// Maximum rate of spilled deliveries, whose rate follows what the webhook can take. It bounds the relay's work for one
/// webhook.
const MOST: f64 = 1_000.0;
/// Maximum batch: the deliveries are in memory with their payloads, which may have 256 KiB each.
const MOST_AT_ONCE: f64 = 100.0;
/// Growth per interval: twofold in half a second. A batch that takes longer grows the rate at most twofold.
const GROWTH: f64 = 1.15;
const MOST_GROWTH: f64 = 2.0;
/// Factor after a re-spill or a failure.
const CUT: f64 = 0.5;
/// Factor after a 429: the rate was near the receiver's limit, and each 429 costs its `Retry-After` too.
const THROTTLED_CUT: f64 = 0.8;
/// Additive growth per second after a recent 429: this much, or this share of the rate. The rate then stays just below
/// the receiver's limit, which is exceeded every few seconds and not with each request.
const STEP: f64 = 0.2;
const STEP_SHARE: f64 = 0.05;

/// Deliveries a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReleaseRate(f64);

/// What was observed since the last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absorption {
    /// A re-spill: a delivery released before was spilled again, because the webhook is at its limit.
    pub returned: bool,
    /// The last attempt for the webhook failed.
    pub failing: bool,
    /// Slow start: deliveries of the batch were held or are being recovered, so their receiver has just come back.
    /// Other deliveries were spilled or deferred only.
    pub spared: bool,
    /// A sender had no slot for a released delivery, because other webhooks hold them.
    pub crowded: bool,
    /// Whether the receiver limits the rate.
    pub throttled: Throttled,
}

/// When the receiver last responded with its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Throttled {
    /// Not recently, or never.
    #[default]
    No,
    /// In the last minutes.
    Lately,
    /// Since the last turn.
    Now,
}

impl ReleaseRate {
    /// Initial rate when the webhook was paused for failures.
    pub const CAREFUL: Self = Self(2.0);
    /// Initial rate otherwise.
    pub const START: Self = Self(20.0);

    /// A stored or configured rate, clamped to the allowed range.
    pub fn new(per_second: f64) -> Self {
        if per_second.is_finite() {
            Self(per_second.clamp(LEAST_THROTTLED, MOST))
        } else {
            Self::CAREFUL
        }
    }

    /// Deliveries a second.
    pub const fn per_second(self) -> f64 {
        self.0
    }

    /// Deliveries to release at once, so that [`Self::until_next`] is about [`RELEASE_INTERVAL`]; more, up to a
    /// second's worth, when the webhook's turn is `late` because many webhooks are released at once.
    pub fn batch(self, late: Duration) -> u32 {
        let time = (RELEASE_INTERVAL + late).min(Duration::from_secs(1));
        (self.0 * time.as_secs_f64()).ceil().clamp(1.0, MOST_AT_ONCE) as u32
    }

    /// How long this many releases take at this rate.
    pub fn until_next(self, released: u32) -> Duration {
        Duration::from_secs_f64(f64::from(released) / self.0)
    }

    /// The rate after a batch: at most `configured` in slow start, otherwise as fast as the webhook can take.
    #[must_use]
    pub fn next(self, seen: Absorption, configured: Self) -> Self {
        let most = if seen.spared { configured.0 } else { MOST };
        let rate = match seen.throttled {
            Throttled::Now => return Self::new(self.0 * THROTTLED_CUT),
            _ if seen.returned || (seen.spared && seen.failing) => (self.0 * CUT).max(LEAST.min(self.0)),
            _ if seen.crowded => self.0,
            Throttled::Lately => self.a_step_faster(),
            Throttled::No => self.faster(),
        };
        Self::new(rate.min(most))
    }

    fn faster(self) -> f64 {
        let intervals = self.turn().div_duration_f64(RELEASE_INTERVAL);
        self.0.max(LEAST) * GROWTH.powf(intervals).min(MOST_GROWTH)
    }

    fn a_step_faster(self) -> f64 {
        let step = STEP.max(self.0 * STEP_SHARE) * self.turn().as_secs_f64();
        (self.0 + step).min(self.0 * MOST_GROWTH)
    }

    /// From one turn to the next.
    fn turn(self) -> Duration {
        self.until_next(self.batch(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Absorption = Absorption {
        returned: false,
        failing: false,
        spared: true,
        crowded: false,
        throttled: Throttled::No,
    };

    #[test]
    fn a_webhook_that_absorbs_reaches_the_configured_pace_within_seconds_and_no_more() {
        let configured = ReleaseRate::new(50.0);
        let mut rate = ReleaseRate::CAREFUL;
        let mut time = Duration::ZERO;
        while rate != configured {
            time += rate.until_next(rate.batch(Duration::ZERO));
            rate = rate.next(WELL, configured);
        }
        assert!(time < Duration::from_secs(5), "{time:?}");
        assert_eq!(rate.next(WELL, configured), configured);
        let not_held = Absorption { spared: false, ..WELL };
        assert!(
            rate.next(not_held, configured).per_second() > 50.0,
            "what is not held is not held back"
        );
    }

    #[test]
    fn trouble_slows_it_down_to_one_in_five_seconds() {
        let mut rate = ReleaseRate::new(50.0);
        let configured = ReleaseRate::new(50.0);
        for _ in 0..20 {
            rate = rate.next(Absorption { returned: true, ..WELL }, configured);
        }
        assert_eq!((rate.per_second(), rate.batch(Duration::ZERO)), (0.2, 1));
        let failing = Absorption { failing: true, ..WELL };
        assert_eq!(configured.next(failing, configured).per_second(), 25.0);
        let fails_at_once = Absorption {
            spared: false,
            ..failing
        };
        assert!(
            configured.next(fails_at_once, configured).per_second() > 50.0,
            "failures are answers"
        );
    }

    #[test]
    fn the_pace_is_kept_whatever_the_batch() {
        for per_second in [1.0, 7.0, 50.0, 999.0] {
            let rate = ReleaseRate::new(per_second);
            let batch = rate.batch(Duration::ZERO);
            let kept = f64::from(batch) / rate.until_next(batch).as_secs_f64();
            assert!((kept - per_second).abs() < 0.01, "{per_second} {kept}");
        }
        assert_eq!(ReleaseRate::new(f64::NAN), ReleaseRate::CAREFUL);
        let late = [100, 900, 60_000].map(|ms| ReleaseRate::new(50.0).batch(Duration::from_millis(ms)));
        assert_eq!(
            late,
            [10, 50, 50],
            "what is late is made up for, a second's worth at a time"
        );
    }

    #[test]
    fn a_receiver_that_limits_the_rate_gets_nearly_what_it_takes_and_few_requests_too_many() {
        const TAKES: f64 = 5.0;
        let mut rate = ReleaseRate::START;
        let configured = ReleaseRate::new(50.0);
        let mut time = 0.0;
        let mut delivered = 0_u32;
        let mut refused = 0_u32;
        while delivered < 400 {
            let too_fast = rate.per_second() > TAKES;
            let batch = rate.batch(Duration::ZERO);
            let throttled = if too_fast { Throttled::Now } else { Throttled::Lately };
            if too_fast {
                refused += batch;
                time += 1.0;
            } else {
                delivered += batch;
            }
            time += rate.until_next(batch).as_secs_f64();
            rate = rate.next(
                Absorption {
                    spared: false,
                    throttled,
                    ..WELL
                },
                configured,
            );
        }
        assert!(time < 400.0 / TAKES * 1.6, "{time} s");
        assert!(refused < 40, "{refused}");
    }

    #[test]
    fn the_least_pace_for_a_receiver_that_limits_the_rate_is_one_a_minute() {
        let mut rate = ReleaseRate::START;
        let configured = ReleaseRate::new(50.0);
        for _ in 0..40 {
            rate = rate.next(
                Absorption {
                    throttled: Throttled::Now,
                    ..WELL
                },
                configured,
            );
        }
        assert_eq!(rate.until_next(1), Duration::from_secs(60));
        let lately = Absorption {
            throttled: Throttled::Lately,
            ..WELL
        };
        assert_eq!(rate.next(lately, configured).until_next(1), Duration::from_secs(30));
        assert!(
            rate.next(WELL, configured).per_second() >= 0.2,
            "a limit of long ago does not count"
        );
    }

    #[test]
    fn where_slots_are_short_the_pace_stays() {
        let crowded = Absorption {
            crowded: true,
            spared: false,
            ..WELL
        };
        assert_eq!(
            ReleaseRate::START.next(crowded, ReleaseRate::new(50.0)),
            ReleaseRate::START
        );
    }
}
