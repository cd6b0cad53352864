//! The attempts this process is at, so that a job delivered again meanwhile is not posted again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use broker::Acknowledgement;
use domain::{DeliveryId, Trigger};
use wire::DeliveryJob;

/// An attempt of a delivery. One that was put aside and is released at once is another, although its delivery may not
/// have left here yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptKey(DeliveryId, u32, Trigger);

impl From<&DeliveryJob> for AttemptKey {
    fn from(job: &DeliveryJob) -> Self {
        Self(job.delivery, job.attempt, job.trigger)
    }
}

/// By attempt, the acknowledgements that wait for its end.
#[derive(Default)]
pub struct InFlight {
    attempts: Mutex<HashMap<AttemptKey, Vec<Acknowledgement>>>,
}

impl InFlight {
    /// Takes the acknowledgement; true when the attempt is new here, and the caller is to make it.
    ///
    /// The broker delivers jobs again after a lost connection while their requests are still under way here; both
    /// messages are then acknowledged by the same end.
    pub fn begin(&self, attempt: AttemptKey, acknowledgement: Acknowledgement) -> bool {
        match self.lock().entry(attempt) {
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(acknowledgement);
                false
            }
            Entry::Vacant(place) => {
                place.insert(vec![acknowledgement]);
                true
            }
        }
    }

    /// Everything the attempt caused is durable.
    pub fn done(&self, attempt: AttemptKey) {
        let waiting = self.lock().remove(&attempt).unwrap_or_default();
        waiting.into_iter().for_each(Acknowledgement::acknowledge);
    }

    /// The attempt is handed back: the broker gives it to somebody else.
    pub fn abandon(&self, attempt: AttemptKey) {
        self.lock().remove(&attempt);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptKey, Vec<Acknowledgement>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
