//! Local errors: faults on our side, logged once when they begin and once when they are over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A fault that was not observed for this long counts as over: nothing has needed the part.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5 * 60);

/// A part of the egress, and whether it fails.
#[derive(Debug)]
pub(crate) struct Trouble {
    begins: &'static str,
    ends: &'static str,
    noticed: Mutex<Option<Instant>>,
}

impl Trouble {
    /// Without a fault; with the log messages for its beginning and its end.
    pub(crate) fn new(begins: &'static str, ends: &'static str) -> Self {
        Self {
            begins,
            ends,
            noticed: Mutex::new(None),
        }
    }

    /// Records a fault and its cause.
    pub(crate) fn is_noticed(&self, cause: &str) {
        let before = self.noticed().replace(Instant::now());
        if before.is_none_or(|at| at.elapsed() >= FORGOTTEN_AFTER) {
            tracing::warn!(cause, "{}", self.begins);
        }
    }

    /// Records the end of the fault, if there was one.
    pub(crate) fn is_over(&self) {
        if self.noticed().take().is_some() {
            tracing::info!("{}", self.ends);
        }
    }

    /// Whether there is a fault, as far as recent attempts show.
    pub(crate) fn is_there(&self) -> bool {
        self.noticed().is_some_and(|at| at.elapsed() < FORGOTTEN_AFTER)
    }

    fn noticed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.noticed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_ends_when_it_is_over_or_forgotten() {
        let trouble = Trouble::new("begins", "ends");
        assert!(!trouble.is_there());
        trouble.is_noticed("why");
        assert!(trouble.is_there());
        trouble.is_over();
        assert!(!trouble.is_there());
        let long_ago = Instant::now()
            .checked_sub(FORGOTTEN_AFTER)
            .expect("this machine runs for longer");
        *trouble.noticed() = Some(long_ago);
        assert!(!trouble.is_there());
    }
}
