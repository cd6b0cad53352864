//! The deliveries this process is at, so that a job delivered again meanwhile is not posted again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use broker::Acknowledgement;
use domain::DeliveryId;

/// By delivery, the acknowledgements that wait for its end.
#[derive(Default)]
pub struct InFlight {
    deliveries: Mutex<HashMap<DeliveryId, Vec<Acknowledgement>>>,
}

impl InFlight {
    /// Takes the acknowledgement; true when the delivery is new here, and the caller is to make it.
    ///
    /// The broker delivers jobs again after a lost connection while their requests are still under way here; both
    /// messages are then acknowledged by the same end.
    pub fn begin(&self, delivery: DeliveryId, acknowledgement: Acknowledgement) -> bool {
        match self.lock().entry(delivery) {
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

    /// Everything the delivery caused is durable.
    pub fn done(&self, delivery: DeliveryId) {
        let waiting = self.lock().remove(&delivery).unwrap_or_default();
        waiting.into_iter().for_each(Acknowledgement::acknowledge);
    }

    /// The delivery is handed back: the broker gives it to somebody else.
    pub fn abandon(&self, delivery: DeliveryId) {
        self.lock().remove(&delivery);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeliveryId, Vec<Acknowledgement>>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
