//! The database's clock, which all processes share. Due times, partitions and retention depend on it, so that a process
//! with clock skew does no harm.
//!
//! It is read periodically, and advanced by the process's monotonic clock, which cannot be set.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// The database's clock, as of its last reading. Clones share it.
#[derive(Clone, Default)]
pub struct Clock(Arc<RwLock<Option<Reading>>>);

/// What the clock was read to be.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// The database's time, at the middle of the round trip.
    pub(crate) at: Timestamp,
    pub(crate) when: Instant,
}

impl Clock {
    /// The current time; by the process's own clock before the first reading.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let reading = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = reading else {
            return Timestamp::now();
        };
        let since = SignedDuration::try_from(reading.when.elapsed()).unwrap_or(SignedDuration::MAX);
        reading
            .at
            .saturating_add(since)
            .expect("a signed duration never fails to be added, it saturates")
    }

    pub(crate) fn set(&self, reading: Reading) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
}
