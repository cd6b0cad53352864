//! The DNS cache: responses are kept for their TTL, within bounds.
//!
//! A hostile zone decides how large a response is, how long its TTL is, and how many names there are. Here a response
//! is a few addresses, and all of them together have a limit in bytes.

use std::net::IpAddr;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

/// Maximum addresses used of a response. A legitimate receiver has a few, and no more than six are dialled.
pub(super) const MAX_ADDRESSES: usize = 64;
/// Maximum TTL, so that a receiver that moves is found.
const MAX_KEPT: Duration = Duration::from_secs(5 * 60);
/// Maximum TTL of a negative response, so that a mistake in a customer's zone does not outlast its correction.
const MAX_NOTHING_KEPT: Duration = Duration::from_secs(30);
/// Maximum bytes of all responses together.
const MAX_BYTES: u64 = 8 << 20;
/// Approximate size of an entry without name and addresses.
const ENTRY_BYTES: usize = 200;

/// IPv4 or IPv6: each is a query of its own, with a response of its own TTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
    V4,
    V6,
}

/// A name's addresses of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// At most [`MAX_ADDRESSES`]; maybe none.
    pub(super) addresses: Vec<IpAddr>,
    /// Whether the name exists, with addresses or without.
    pub(super) exists: bool,
    /// How long it may be kept.
    pub(super) ttl: Duration,
}

impl Answer {
    /// No address of this family.
    pub(super) fn nothing(exists: bool, ttl: Duration) -> Self {
        Self {
            addresses: Vec::new(),
            exists,
            ttl,
        }
    }

    fn kept_for(&self) -> Duration {
        self.ttl.min(if self.addresses.is_empty() {
            MAX_NOTHING_KEPT
        } else {
            MAX_KEPT
        })
    }
}

type Key = (Box<str>, Family);

pub(super) struct AnswerCache(Cache<Key, (Answer, Instant)>);

impl AnswerCache {
    pub(super) fn new() -> Self {
        let bytes = |key: &Key, (answer, _): &(Answer, Instant)| {
            let addresses = answer.addresses.capacity() * size_of::<IpAddr>();
            u32::try_from(ENTRY_BYTES + key.0.len() + addresses).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().weigher(bytes).max_capacity(MAX_BYTES).build())
    }

    /// The cached response at this time.
    pub(super) fn get(&self, host: &str, family: Family, now: Instant) -> Option<Answer> {
        let (answer, until) = self.0.get(&(host.into(), family))?;
        (now < until).then_some(answer)
    }

    /// Caches a response.
    pub(super) fn put(&self, host: &str, family: Family, answer: &Answer, now: Instant) {
        let kept_for = answer.kept_for();
        if !kept_for.is_zero() {
            self.0.insert((host.into(), family), (answer.clone(), now + kept_for));
        }
    }

    /// Clears the cache: the name servers have changed.
    pub(super) fn clear(&self) {
        self.0.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(addresses: &[&str], ttl: u64) -> Answer {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Answer {
            addresses,
            exists: true,
            ttl: Duration::from_secs(ttl),
        }
    }

    /// Asserts for how many seconds a response is kept.
    fn check(answer: &Answer, expected: u64) {
        let cache = AnswerCache::new();
        let now = Instant::now();
        cache.put("example.com", Family::V4, answer, now);
        for (after, there) in [
            (0, expected > 0),
            (expected.saturating_sub(1), expected > 0),
            (expected, false),
        ] {
            let found = cache.get("example.com", Family::V4, now + Duration::from_secs(after));
            assert_eq!(found.as_ref(), there.then_some(answer), "{after} s of {expected} s");
        }
        assert_eq!(cache.get("example.com", Family::V6, now), None);
    }

    #[test]
    fn an_answer_is_kept_for_its_time_to_live_within_limits() {
        check(&answer(&["192.0.2.1"], 60), 60);
        check(&answer(&["192.0.2.1"], 86_400), 300);
        check(&answer(&["192.0.2.1"], 0), 0);
        check(&answer(&[], 10), 10);
        check(&answer(&[], 86_400), 30);
        check(&Answer::nothing(false, Duration::from_secs(900)), 30);
    }

    #[test]
    fn all_answers_together_are_bounded() {
        let cache = AnswerCache::new();
        let now = Instant::now();
        let large = Answer {
            addresses: vec![IpAddr::from([192, 0, 2, 1]); MAX_ADDRESSES],
            ..answer(&[], 300)
        };
        for n in 0..20_000 {
            cache.put(&format!("{n}.example.com"), Family::V4, &large, now);
        }
        cache.0.run_pending_tasks();
        assert!(cache.0.weighted_size() <= MAX_BYTES, "{}", cache.0.weighted_size());
    }
}
