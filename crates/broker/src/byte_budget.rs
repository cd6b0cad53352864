//! The byte budget: how many bytes of received messages are held in memory, by any owner.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use bytes::Bytes;

/// Counts the bytes of bodies in use. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct ByteBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    held: AtomicUsize,
    /// Waits for room.
    waiting: Mutex<Option<Waker>>,
}

impl ByteBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit,
                held: AtomicUsize::new(0),
                waiting: Mutex::new(None),
            }),
        }
    }

    /// The body, counted until its last clone or part is dropped.
    pub(crate) fn hold(&self, mut body: Vec<u8>) -> Bytes {
        // A body of several frames grew as they came, up to twice its size.
        body.shrink_to_fit();
        self.shared.held.fetch_add(body.capacity(), Ordering::AcqRel);
        Bytes::from_owner(Held {
            body,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Whether more may be read (backpressure); if not, `waker` is woken when that changes.
    pub(crate) fn has_room(&self, waker: &Waker) -> bool {
        if self.is_below_limit() {
            return true;
        }
        self.shared.waiting().replace(waker.clone());
        // Room may have been made before the waker was registered.
        self.is_below_limit()
    }

    /// Whether more may be read now.
    pub(crate) fn is_below_limit(&self) -> bool {
        self.shared.held.load(Ordering::Acquire) < self.shared.limit
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Held {
    body: Vec<u8>,
    shared: Arc<Shared>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let before = self.shared.held.fetch_sub(self.body.capacity(), Ordering::AcqRel);
        if before >= self.shared.limit
            && let Some(waiting) = self.shared.waiting().take()
        {
            waiting.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[test]
    fn a_body_counts_until_its_last_part_is_dropped() {
        let budget = ByteBudget::new(100);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let body = budget.hold(vec![0; 100]);
        let part = body.slice(10..20);
        drop(body);
        assert!(!budget.has_room(&waker));
        assert!(!woken.0.load(Ordering::Acquire));
        drop(part);
        assert!(woken.0.load(Ordering::Acquire));
        assert!(budget.has_room(&waker));
    }
}
