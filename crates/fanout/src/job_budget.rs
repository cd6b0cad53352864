//! The byte budget of jobs in flight to the broker. An event that matches many webhooks is copied into a job for each,
//! and into frames of the client library; a limit on their number alone would not bound the bytes.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes per permit.
const UNIT: usize = 1024;
/// Size of a job without its payload.
const ENVELOPE: usize = 512;
/// The job, and its frames in lapin.
const COPIES: usize = 2;

/// The byte budget. Clones share it.
#[derive(Clone, Debug)]
pub struct JobBudget {
    room: Arc<Semaphore>,
    units: usize,
}

impl JobBudget {
    /// A budget of this many bytes.
    pub fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, u32::MAX as usize);
        Self {
            room: Arc::new(Semaphore::new(units)),
            units,
        }
    }

    /// Waits for room for a job with this payload, before it is encoded. A payload larger than the budget takes all of
    /// it.
    pub async fn room_for(&self, payload: usize) -> SemaphorePermit<'_> {
        let units = ((payload + ENVELOPE) * COPIES).div_ceil(UNIT).min(self.units);
        let units = u32::try_from(units).expect("there are no more than fit");
        self.room
            .acquire_many(units)
            .await
            .expect("the semaphore is never closed")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn only_so_many_bytes_are_under_way() {
        let budget = JobBudget::new(1024 * 1024);
        let held: Vec<_> = std::iter::from_fn(|| budget.room_for(100_000).now_or_never()).collect();
        assert_eq!(held.len(), 5);
        drop(held);
        let all = budget.room_for(usize::MAX / 4).now_or_never().unwrap();
        assert!(budget.room_for(1).now_or_never().is_none());
        drop(all);
        assert!(budget.room_for(1).now_or_never().is_some());
    }
}
