//! Detects that the process was suspended (SIGSTOP, a paused virtual machine, swapping) and resumed.
//!
//! Meanwhile the broker may have redelivered its jobs to another sender. They are still in the socket's buffer, look
//! new, and are read before the end of the connection. So after a suspension every job is deduplicated in the log
//! before it is sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

/// Interval of the checks.
const TICK: Duration = Duration::from_secs(1);
/// A longer gap between two checks is a suspension. The broker misses heartbeats after more than that.
const GAP: Duration = Duration::from_secs(4);
/// For this long after a suspension jobs may come from the former connection.
const SUSPECT_FOR: Duration = Duration::from_secs(60);

/// When the process was last suspended. Clones share it.
#[derive(Clone)]
pub struct Suspension(Arc<Mutex<State>>);

struct State {
    /// `None` if it is never checked.
    last_check: Option<Instant>,
    ended: Option<Instant>,
}

impl Suspension {
    /// Starts the checks, which end with the last clone. Called within a Tokio runtime.
    pub fn watch() -> Self {
        let state = Arc::new(Mutex::new(State {
            last_check: Some(Instant::now()),
            ended: None,
        }));
        let watched = Arc::downgrade(&state);
        tokio::spawn(async move {
            while let Some(state) = watched.upgrade() {
                Self(state).latest();
                tokio::time::sleep(TICK).await;
            }
        });
        Self(state)
    }

    /// A process that is never suspended: for tests on a paused clock.
    pub fn never() -> Self {
        Self(Arc::new(Mutex::new(State {
            last_check: None,
            ended: None,
        })))
    }

    /// Whether a job received now may have been redelivered to another sender meanwhile.
    pub fn is_recent(&self) -> bool {
        self.latest().is_some_and(|ended| ended.elapsed() < SUSPECT_FOR)
    }

    /// Whether the process was suspended at any time since `since`.
    pub fn ended_after(&self, since: Instant) -> bool {
        self.latest().is_some_and(|ended| ended >= since)
    }

    /// The end of the latest suspension. A job may call this before the ticking task notices.
    fn latest(&self) -> Option<Instant> {
        let mut state = self.lock();
        let now = Instant::now();
        let gap = now.duration_since(state.last_check?);
        if gap > GAP {
            state.ended = Some(now);
            warn!(
                seconds = gap.as_secs(),
                "the process was suspended: jobs are deduplicated in the delivery log before they are sent"
            );
        }
        state.last_check = Some(now);
        state.ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gap_between_two_looks_is_a_suspension_for_a_minute() {
        let suspension = Suspension(Arc::new(Mutex::new(State {
            last_check: Some(Instant::now()),
            ended: None,
        })));
        let before = Instant::now();
        tokio::time::advance(GAP).await;
        assert!(!suspension.is_recent() && !suspension.ended_after(before));
        tokio::time::advance(GAP + TICK).await;
        let recent = suspension.is_recent();
        let after = Instant::now();
        assert!(recent && suspension.ended_after(before) && !suspension.ended_after(after + TICK));
        for _ in 0..60 {
            tokio::time::advance(TICK).await;
            suspension.latest();
        }
        assert!(!suspension.is_recent());
    }
}
