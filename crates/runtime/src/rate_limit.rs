//! A rate limit for each of many keys: token buckets in this process's memory.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Keys with a bucket. When there are more, the one that was used least recently loses its bucket.
const MAX_KEYS: u64 = 10_000;

/// The token bucket of one key.
type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>;

/// A rate limit for each key. Clones share the buckets.
///
/// The keyed limiters of `governor` have no bound: they keep every key until a task of the program evicts idle ones.
#[derive(Clone)]
pub struct RateLimit<K, C: Clock = DefaultClock> {
    quota: Quota,
    clock: C,
    buckets: Cache<K, Arc<Bucket<C>>>,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> RateLimit<K> {
    /// Allows each key this many uses.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::with_clock(quota, DefaultClock::default())
    }
}

impl<K, C> RateLimit<K, C>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    C: Clock + Clone + Send + Sync + 'static,
    C::Instant: Send + Sync,
{
    fn with_clock(quota: Quota, clock: C) -> Self {
        let buckets = Cache::builder()
            .max_capacity(MAX_KEYS)
            .eviction_policy(EvictionPolicy::lru())
            // A bucket that has been idle for so long is full, as a new one is.
            .time_to_idle(quota.burst_size_replenished_in());
        Self {
            quota,
            clock,
            buckets: buckets.build(),
        }
    }

    /// Takes a token from the key's bucket.
    ///
    /// # Errors
    /// How long until there is one, when the bucket is empty.
    pub fn check(&self, key: K) -> Result<(), Duration> {
        self.take(key).map(drop)
    }

    /// Takes a token from the key's bucket; how many are left.
    ///
    /// # Errors
    /// As those of [`Self::check`].
    pub fn take(&self, key: K) -> Result<u32, Duration> {
        let new = || Arc::new(RateLimiter::direct_with_clock(self.quota, self.clock.clone()).with_middleware());
        let bucket = self.buckets.get_with(key, new);
        bucket
            .check()
            .map(|snapshot| snapshot.remaining_burst_capacity())
            .map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_burst_may_come_at_once_and_then_as_tokens_are_refilled() {
        let clock = FakeRelativeClock::default();
        let limit = RateLimit::with_clock(Quota::per_minute(NonZeroU32::new(60).unwrap()), clock.clone());
        assert_eq!((limit.take("acme"), limit.take("acme")), (Ok(59), Ok(58)));
        assert!((0..58).all(|_| limit.check("acme") == Ok(())));
        assert_eq!(limit.check("acme"), Err(Duration::from_secs(1)));
        assert_eq!(limit.check("globex"), Ok(()), "another key has its own bucket");
        clock.advance(Duration::from_millis(1500));
        assert_eq!(limit.check("acme"), Ok(()));
        assert_eq!(limit.check("acme"), Err(Duration::from_millis(500)));
        clock.advance(Duration::from_secs(3600));
        assert!((0..60).all(|_| limit.check("acme") == Ok(())));
        assert!(limit.check("acme").is_err(), "no more than a burst is saved up");
    }

    #[test]
    fn memory_is_bounded() {
        let limit = RateLimit::new(Quota::per_minute(NonZeroU32::MIN));
        assert!((0..2 * MAX_KEYS).all(|key| limit.check(key) == Ok(())));
        limit.buckets.run_pending_tasks();
        assert_eq!(limit.buckets.entry_count(), MAX_KEYS);
    }
}
