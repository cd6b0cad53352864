//! How many attempts for one webhook may be under way at once: as many as it answers, fewer while it does not.

use std::time::Duration;

/// To begin with, when nothing is known of a webhook.
const START: u32 = 4;
/// An answer that takes longer makes a webhook slow, and slow ones share what is left over by the others.
const QUICK: Duration = Duration::from_secs(1);
/// A job may wait here that long for its turn; one that would wait longer is put aside, because it takes the place of
/// jobs for others.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same when nothing is known of a webhook yet.
const FIRST_PATIENCE: Duration = Duration::from_millis(250);
/// Weight of the latest response time in the average.
const LATEST: f64 = 0.2;

/// What one sender knows of one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveLimit {
    limit: u32,
    most: u32,
    /// Average of recent attempts, in seconds; none was made yet.
    response_time: Option<f64>,
    standing: Standing,
}

/// Which slots a webhook's attempts may take. However many webhooks hang, those of another standing keep theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its last attempt was answered within a second.
    Quick,
    /// No attempt has ended yet.
    Unknown,
    /// Its last attempt was answered late or not at all.
    Slow,
}

impl AdaptiveLimit {
    /// Nothing is known; it never grows beyond `most`.
    pub fn new(most: u32) -> Self {
        Self { limit: START.min(most), most, response_time: None, standing: Standing::Unknown }
    }

    /// Attempts that may be under way at once; at least one.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Which slots its attempts may take.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// An attempt ended. One more may be made at once after an answer, so the limit doubles while it is used; half as
    /// many after none.
    pub fn attempt_ended(&mut self, answered: bool, took: Duration) {
        self.limit = if answered { (self.limit + 1).min(self.most) } else { (self.limit / 2).max(1) };
        self.standing = if answered && took <= QUICK { Standing::Quick } else { Standing::Slow };
        let took = took.as_secs_f64();
        let before = self.response_time.unwrap_or(took);
        // A webhook that has just got better is believed at once, as one that got worse is not.
        self.response_time = Some(if took < before && answered { took } else { before + LATEST * (took - before) });
    }

    /// How long a job may wait for its turn behind `waiting` others, when attempts are under way and none was answered
    /// for `silence`; `None` when it is better put aside at once.
    pub fn patience(&self, waiting: usize, silence: Duration) -> Option<Duration> {
        let Some(response_time) = self.response_time else {
            return FIRST_PATIENCE.checked_sub(silence).filter(|left| !left.is_zero());
        };
        let turns = (waiting + 1) as f64 / f64::from(self.limit);
        let turn = response_time.max(silence.as_secs_f64());
        (turns * turn <= PATIENCE.as_secs_f64() && silence <= PATIENCE).then_some(PATIENCE)
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
        for (answered, took) in ends {
            limit.attempt_ended(answered, took);
        }
        limit
    }

    #[test]
    fn it_grows_while_answers_come_and_never_beyond_its_most() {
        assert_eq!(after([(true, MILLISECOND); 10]).limit(), 14);
        assert_eq!(after([(true, MILLISECOND); 500]).limit(), 64);
        assert_eq!(AdaptiveLimit::new(1).limit(), 1);
    }

    #[test]
    fn timeouts_halve_it_down_to_one() {
        let well = [(true, MILLISECOND); 60];
        assert_eq!(after(well.into_iter().chain([(false, TIMEOUT); 2])).limit(), 16);
        assert_eq!(after(well.into_iter().chain([(false, TIMEOUT); 20])).limit(), 1);
    }

    #[test]
    fn jobs_do_not_queue_for_a_webhook_that_hangs() {
        let hanging = after([(false, TIMEOUT); 4]);
        assert_eq!((hanging.patience(0, NONE), hanging.standing()), (None, Standing::Slow));
        let back = after([(false, TIMEOUT), (true, MILLISECOND)]);
        assert_eq!((back.patience(0, NONE), back.standing()), (Some(PATIENCE), Standing::Quick));
    }

    #[test]
    fn a_fast_webhook_may_queue_far_more_than_a_slow_one() {
        let fast = after([(true, 2 * MILLISECOND); 60]);
        let slow = after([(true, 500 * MILLISECOND); 60]);
        assert!(fast.patience(5_000, NONE).is_some());
        assert!(slow.patience(100, NONE).is_some());
        assert_eq!(slow.patience(200, NONE), None);
    }

    #[test]
    fn silence_says_what_no_attempt_has_said_yet() {
        let (unknown, fast) = (AdaptiveLimit::new(64), after([(true, MILLISECOND); 60]));
        assert_eq!(unknown.patience(5_000, 100 * MILLISECOND), Some(150 * MILLISECOND));
        assert_eq!(unknown.patience(0, FIRST_PATIENCE), None);
        assert_eq!((fast.patience(0, PATIENCE), fast.patience(0, 2 * PATIENCE)), (Some(PATIENCE), None));
        assert_eq!(fast.patience(500, PATIENCE / 2), None, "nobody answers, and many wait");
    }

    #[test]
    fn slow_answers_are_answers_but_take_no_slot_that_others_need() {
        let slow = after([(true, 3 * QUICK); 60]);
        assert_eq!((slow.limit(), slow.standing()), (64, Standing::Slow));
    }
}
