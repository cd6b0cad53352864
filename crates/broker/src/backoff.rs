//! Backoff between attempts to connect to the broker.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3);
/// A connection of this length was stable. One that ends sooner counts as a failure: its cause may end the next one,
/// too.
const LASTING: Duration = Duration::from_secs(10);

/// Exponential backoff with jitter: doubles from 100 ms to 3 s, without a limit on attempts, because a process that
/// stops trying needs an operator. The wait is between half of that and all of it, so that the processes do not
/// reconnect at the same moment.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    succeeded: Option<Instant>,
}

impl Backoff {
    /// The wait after a failure, or after the end of a connection.
    pub(crate) fn next(&mut self) -> Duration {
        if self.succeeded.take().is_some_and(|at| at.elapsed() >= LASTING) {
            self.failures = 0;
        }
        let delay = FIRST.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Without random numbers, the longest wait.
        let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
        delay.mul_f64(0.5 + share / 2.0)
    }

    /// The attempt succeeded; its connection lasts until [`Backoff::next`] is called.
    pub(crate) fn succeeded(&mut self) {
        self.succeeded = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_within(waits: &[Duration], whole: &[Duration]) {
        for (wait, whole) in waits.iter().zip(whole) {
            assert!((*whole / 2..=*whole).contains(wait), "{wait:?} of {whole:?}");
        }
    }

    #[test]
    fn grows_to_its_limit_and_starts_again_after_what_lasted() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert_within(&waits[..3], &[100, 200, 400].map(Duration::from_millis));
        assert_within(&waits[39..], &[LONGEST]);
        backoff.succeeded();
        assert_within(&[backoff.next()], &[LONGEST]);
        backoff.succeeded = Instant::now().checked_sub(LASTING);
        assert_within(&[backoff.next()], &[FIRST]);
    }

    #[test]
    fn processes_do_not_come_back_in_one_moment() {
        let first: std::collections::HashSet<_> = (0..10).map(|_| Backoff::default().next()).collect();
        assert!(first.len() > 1);
    }
}
