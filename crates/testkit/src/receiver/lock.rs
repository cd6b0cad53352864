//! Locks of a receiver.

use std::sync::{Mutex, MutexGuard};

/// No code panics while it holds one of these locks, except a test's own decision, which has failed the test by then.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
