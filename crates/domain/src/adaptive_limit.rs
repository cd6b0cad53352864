//! The adaptive limit: how many attempts for one webhook may be in flight at once. It grows with responses and is
//! halved without them (AIMD).

use std::time::Duration;

/// Initial limit of an unknown webhook.
const START: u32 = 4;
/// A webhook that holds a slot for longer is slow; one that is silent for longer is hanging.
const QUICK: Duration = Duration::from_secs(1);
/// Queue timeout of a job; a job that would wait longer is spilled, because it occupies the prefetch window of other
/// webhooks.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);
/// Queue timeout for an unknown webhook.
const UNKNOWN_QUEUE_TIMEOUT: Duration = Duration::from_millis(250);
/// Weight of the latest response time in the moving average.
const LATEST: f64 = 0.2;

/// The concurrency limit of one webhook in one sender.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveLimit {
    limit: u32,
    most: u32,
    /// Moving average of recent attempts, in seconds; `None` before the first.
    response_time: Option<f64>,
    health_class: HealthClass,
}

/// Health class: how a webhook holds its slots. Each class has its own budget ([`crate::SlotBudget`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthClass {
    /// The last response, body included, took at most a second.
    Quick,
    /// No attempt has ended yet.
    Unknown,
    /// The last response took longer than a second, or the last attempt failed at once.
    Slow,
    /// The last attempt held its slot for more than a second without a response, or attempts in flight are silent now.
    Hanging,
}

/// How an attempt used its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotUse {
    /// The receiver responded.
    pub answered: bool,
    /// The receiver asked for less load: 429, or 503 with `Retry-After`.
    pub throttled: bool,
    /// From taking the slot to releasing it, the response body included.
    pub held: Duration,
    /// At least half of the webhook's limit was in flight.
    pub busy: bool,
}

impl AdaptiveLimit {
    /// An unknown webhook; its limit never exceeds `most`.
    pub fn new(most: u32) -> Self {
        Self {
            limit: START.min(most),
            most,
            response_time: None,
            health_class: HealthClass::Unknown,
        }
    }

    /// Maximum number of attempts in flight; at least one.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The health class, when attempts are in flight and none had a response for `silence`.
    pub fn health_class(&self, silence: Duration) -> HealthClass {
        let patient = QUICK.max(Duration::from_secs_f64(2.0 * self.response_time.unwrap_or_default()));
        if silence > patient {
            HealthClass::Hanging
        } else {
            self.health_class
        }
    }

    /// Records the end of an attempt. A response raises the limit by one, so it doubles while it is used; no response,
    /// or a receiver that asks for less load, halves it.
    pub fn attempt_ended(&mut self, end: SlotUse) {
        let SlotUse {
            answered,
            throttled,
            held,
            busy,
        } = end;
        self.limit = match (answered && !throttled, busy) {
            (true, true) => (self.limit + 1).min(self.most),
            (true, false) => self.limit,
            (false, _) => (self.limit / 2).max(1),
        };
        self.health_class = match (answered, held <= QUICK) {
            (true, true) => HealthClass::Quick,
            (true, false) | (false, true) => HealthClass::Slow,
            (false, false) => HealthClass::Hanging,
        };
        let held = held.as_secs_f64();
        let before = self.response_time.unwrap_or(held);
        // Asymmetric on purpose: an improvement counts at once, a deterioration is averaged.
        self.response_time = Some(if held < before && answered {
            held
        } else {
            before + LATEST * (held - before)
        });
    }

    /// Queue timeout of a job behind `waiting` others, when attempts are in flight and none had a response for
    /// `silence`; `None` when the job should be spilled at once.
    pub fn queue_timeout(&self, waiting: usize, silence: Duration) -> Option<Duration> {
        let Some(response_time) = self.response_time else {
            return UNKNOWN_QUEUE_TIMEOUT
                .checked_sub(silence)
                .filter(|left| !left.is_zero());
        };
        let turns = (waiting + 1) as f64 / f64::from(self.limit);
        let turn = response_time.max(silence.as_secs_f64());
        (turns * turn <= QUEUE_TIMEOUT.as_secs_f64() && silence <= QUEUE_TIMEOUT).then_some(QUEUE_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;
    const MILLISECOND: Duration = Duration::from_millis(1);
    const TIMEOUT: Duration = Duration::from_secs(15);

    fn after(ends: impl IntoIterator<Item = (bool, Duration)>) -> AdaptiveLimit {
        let mut limit = AdaptiveLimit::new(64);
        for (answered, held) in ends {
            limit.attempt_ended(SlotUse {
                answered,
                held,
                throttled: false,
                busy: true,
            });
        }
        limit
    }

    #[test]
    fn it_grows_while_answers_come_and_it_is_used_and_never_beyond_its_most() {
        assert_eq!(after([(true, MILLISECOND); 10]).limit(), 14);
        assert_eq!(after([(true, MILLISECOND); 500]).limit(), 64);
        assert_eq!(AdaptiveLimit::new(1).limit(), 1);
        let mut idle = AdaptiveLimit::new(64);
        for _ in 0..100 {
            idle.attempt_ended(SlotUse {
                answered: true,
                throttled: false,
                held: MILLISECOND,
                busy: false,
            });
        }
        assert_eq!(idle.limit(), START, "what is not used says nothing");
    }

    #[test]
    fn timeouts_and_receivers_that_want_less_halve_it_down_to_one() {
        let well = [(true, MILLISECOND); 60];
        assert_eq!(after(well.into_iter().chain([(false, TIMEOUT); 2])).limit(), 16);
        assert_eq!(after(well.into_iter().chain([(false, TIMEOUT); 20])).limit(), 1);
        let mut throttled = after(well);
        throttled.attempt_ended(SlotUse {
            answered: true,
            throttled: true,
            held: MILLISECOND,
            busy: true,
        });
        assert_eq!(
            (throttled.limit(), throttled.health_class(NONE)),
            (32, HealthClass::Quick)
        );
    }

    #[test]
    fn jobs_do_not_queue_for_a_webhook_that_hangs() {
        let hanging = after([(false, TIMEOUT); 4]);
        assert_eq!(
            (hanging.queue_timeout(0, NONE), hanging.health_class(NONE)),
            (None, HealthClass::Hanging)
        );
        let back = after([(false, TIMEOUT), (true, MILLISECOND)]);
        assert_eq!(
            (back.queue_timeout(0, NONE), back.health_class(NONE)),
            (Some(QUEUE_TIMEOUT), HealthClass::Quick)
        );
    }

    #[test]
    fn a_fast_webhook_may_queue_far_more_than_a_slow_one() {
        let fast = after([(true, 2 * MILLISECOND); 60]);
        let slow = after([(true, 500 * MILLISECOND); 60]);
        assert!(fast.queue_timeout(5_000, NONE).is_some());
        assert!(slow.queue_timeout(100, NONE).is_some());
        assert_eq!(slow.queue_timeout(200, NONE), None);
    }

    #[test]
    fn silence_says_what_no_attempt_has_said_yet() {
        let unknown = AdaptiveLimit::new(64);
        let fast = after([(true, MILLISECOND); 60]);
        assert_eq!(unknown.queue_timeout(5_000, 100 * MILLISECOND), Some(150 * MILLISECOND));
        assert_eq!(unknown.queue_timeout(0, UNKNOWN_QUEUE_TIMEOUT), None);
        assert_eq!(
            (
                fast.queue_timeout(0, QUEUE_TIMEOUT),
                fast.queue_timeout(0, 2 * QUEUE_TIMEOUT)
            ),
            (Some(QUEUE_TIMEOUT), None)
        );
        assert_eq!(
            fast.queue_timeout(500, QUEUE_TIMEOUT / 2),
            None,
            "nobody answers, and many wait"
        );
        assert_eq!(fast.health_class(QUICK), HealthClass::Quick);
        assert_eq!(
            fast.health_class(QUICK + MILLISECOND),
            HealthClass::Hanging,
            "it was quick, and hangs now"
        );
    }

    #[test]
    fn slow_answers_are_answers_and_no_sign_of_hanging() {
        let slow = after([(true, 3 * QUICK); 60]);
        assert_eq!(
            (slow.limit(), slow.health_class(NONE), slow.health_class(5 * QUICK)),
            (64, HealthClass::Slow, HealthClass::Slow)
        );
        assert_eq!(slow.health_class(7 * QUICK), HealthClass::Hanging);
        assert_eq!(
            after([(false, MILLISECOND)]).health_class(NONE),
            HealthClass::Slow,
            "refused at once: no slot is held"
        );
    }
}
