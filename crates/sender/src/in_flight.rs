//! The attempts in flight in this process, so that a redelivered job is not posted again meanwhile.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker::Acknowledgement;
use domain::{DeliveryId, Trigger};
use wire::DeliveryJob;

/// Identifies an attempt of a delivery. A spilled delivery that is released at once is another attempt, although the
/// first job may not be finished yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptKey(DeliveryId, u32, Trigger);

impl From<&DeliveryJob> for AttemptKey {
    fn from(job: &DeliveryJob) -> Self {
        Self(job.delivery.id, job.attempt, job.trigger)
    }
}

/// Acknowledgements that wait for an attempt, by attempt. Clones share them.
#[derive(Clone)]
pub struct InFlight<A = Acknowledgement> {
    attempts: Arc<Mutex<HashMap<AttemptKey, Vec<A>>>>,
}

/// An attempt in flight. If it is dropped before its end, also by a panic, its messages are handed back: the broker
/// redelivers the job.
pub struct Attempt<A = Acknowledgement> {
    /// `None` once it is done.
    key: Option<AttemptKey>,
    in_flight: InFlight<A>,
}

impl<A> Default for InFlight<A> {
    fn default() -> Self {
        Self {
            attempts: Arc::default(),
        }
    }
}

impl<A> InFlight<A> {
    /// Takes the acknowledgement; returns the attempt if it is new here, and the caller has to make it.
    ///
    /// After a lost connection the broker redelivers jobs whose requests are still in flight here; the end of the
    /// attempt then acknowledges both messages.
    pub fn begin(&self, key: AttemptKey, acknowledgement: A) -> Option<Attempt<A>> {
        match self.lock().entry(key) {
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(acknowledgement);
                None
            }
            Entry::Vacant(place) => {
                place.insert(vec![acknowledgement]);
                Some(Attempt {
                    key: Some(key),
                    in_flight: Self {
                        attempts: Arc::clone(&self.attempts),
                    },
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptKey, Vec<A>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Attempt<A> {
    /// Everything that follows from the attempt is durable: returns the messages to acknowledge.
    #[must_use]
    pub fn done(mut self) -> Vec<A> {
        let key = self.key.take();
        key.and_then(|key| self.in_flight.lock().remove(&key))
            .unwrap_or_default()
    }
}

impl<A> Drop for Attempt<A> {
    fn drop(&mut self) {
        // Not after `done`: the same key may be in flight again.
        if let Some(key) = self.key.take() {
            self.in_flight.lock().remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::WebhookId;

    use super::*;

    fn key() -> AttemptKey {
        let account = "acme".parse().unwrap();
        AttemptKey(
            DeliveryId::derive(&account, "/crm", "1", WebhookId::generate()),
            1,
            Trigger::Event,
        )
    }

    #[test]
    fn copies_join_the_attempt_that_is_under_way() {
        let in_flight = InFlight::default();
        let key = key();
        let attempt = in_flight.begin(key, 1).unwrap();
        assert!(in_flight.begin(key, 2).is_none());
        assert_eq!(attempt.done(), [1, 2]);
        assert!(in_flight.begin(key, 3).is_some());
    }

    #[tokio::test]
    async fn an_attempt_that_ends_in_a_panic_is_made_when_it_comes_again() {
        let in_flight = InFlight::default();
        let key = key();
        let attempt = in_flight.begin(key, 1).unwrap();
        let task = tokio::spawn(async move {
            let _attempt = attempt;
            panic!("as by a fault in the code of a delivery");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert!(in_flight.begin(key, 2).is_some());
    }
}
