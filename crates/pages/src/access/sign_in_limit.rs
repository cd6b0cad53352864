//! How often somebody may fail to sign in. Tokens cannot be guessed; this keeps those who try from costing much.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures remembered by this process, from all clients.
const MOST: usize = 60;
/// For so long.
const WITHIN: Duration = Duration::from_secs(60);

/// Counts failures.
#[derive(Debug, Default)]
pub(crate) struct SignInLimit(Mutex<VecDeque<Instant>>);

impl SignInLimit {
    /// Whether one more try is allowed at `now`.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while failures
            .front()
            .is_some_and(|failure| now.saturating_duration_since(*failure) >= WITHIN)
        {
            failures.pop_front();
        }
        failures.len() < MOST
    }

    /// Remembers a failure.
    pub(crate) fn failed(&self, now: Instant) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < MOST {
            failures.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_forgotten_in_time() {
        let limit = SignInLimit::default();
        let start = Instant::now();
        for _ in 0..MOST {
            assert!(limit.allows(start));
            limit.failed(start);
        }
        assert!(!limit.allows(start + WITHIN - Duration::from_millis(1)));
        assert!(limit.allows(start + WITHIN));
    }
}
