//! Selects a job's lane by its account's token bucket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use domain::{AccountName, Lane, LaneBudgets};

/// The token buckets. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Arc<Mutex<LaneBudgets>>);

impl Lanes {
    /// The lane of this many jobs that an account publishes together, now.
    pub fn lane(&self, account: &AccountName, jobs: usize) -> Lane {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lane(account, jobs, Instant::now())
    }
}
