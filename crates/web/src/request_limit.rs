//! Rate limit of each caller: a token bucket each, in this process's memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// Tokens remembered at once. Above it those that have not called for a minute are forgotten, whose buckets are full.
const MAX_REMEMBERED: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// A limit on the requests of each token. Clones share it.
#[derive(Debug, Clone)]
pub struct RequestLimit {
    per_minute: u32,
    buckets: Arc<Mutex<HashMap<Uuid, Bucket>>>,
}

/// What a token has left, as it was at a point in time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    requests: f64,
    at: Instant,
}

impl RequestLimit {
    /// So many requests a minute, in any moment as many as are left; 0 for any number.
    pub fn per_minute(per_minute: u32) -> Self {
        Self {
            per_minute,
            buckets: Arc::default(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait, when the token has none left. It is not counted then.
    pub(crate) fn admit(&self, now: Instant, token: Uuid) -> Result<(), Duration> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let most = f64::from(self.per_minute);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_REMEMBERED && !buckets.contains_key(&token) {
            buckets.retain(|_, bucket| now.saturating_duration_since(bucket.at) < MINUTE);
            if buckets.len() >= MAX_REMEMBERED {
                return Err(MINUTE);
            }
        }
        let bucket = buckets.entry(token).or_insert(Bucket {
            requests: most,
            at: now,
        });
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * most / MINUTE.as_secs_f64();
        *bucket = Bucket {
            requests: (bucket.requests + gained).min(most),
            at: now.max(bucket.at),
        };
        if bucket.requests < 1.0 {
            return Err(MINUTE.mul_f64((1.0 - bucket.requests) / most));
        }
        bucket.requests -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Uuid = Uuid::from_u128(1);

    #[test]
    fn a_minutes_requests_may_come_at_once_and_then_as_they_are_gained() {
        let limit = RequestLimit::per_minute(60);
        let start = Instant::now();
        for _ in 0..60 {
            assert_eq!(limit.admit(start, TOKEN), Ok(()));
        }
        assert_eq!(limit.admit(start, TOKEN), Err(Duration::from_secs(1)));
        assert_eq!(
            limit.admit(start, Uuid::from_u128(2)),
            Ok(()),
            "another token has its own"
        );
        let later = start + Duration::from_millis(1500);
        assert_eq!(limit.admit(later, TOKEN), Ok(()));
        assert_eq!(limit.admit(later, TOKEN), Err(Duration::from_millis(500)));
        for _ in 0..60 {
            assert_eq!(limit.admit(start + Duration::from_secs(3600), TOKEN), Ok(()));
        }
        assert!(
            limit.admit(start + Duration::from_secs(3600), TOKEN).is_err(),
            "no more than a minute's are saved up"
        );
    }

    #[test]
    fn nothing_is_counted_without_a_limit() {
        let limit = RequestLimit::per_minute(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| limit.admit(now, TOKEN).is_ok()));
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let limit = RequestLimit::per_minute(600);
        let start = Instant::now();
        for number in 0..MAX_REMEMBERED as u128 {
            assert_eq!(limit.admit(start, Uuid::from_u128(number)), Ok(()));
        }
        assert_eq!(limit.admit(start, Uuid::max()), Err(MINUTE));
        assert_eq!(limit.admit(start, TOKEN), Ok(()), "who is known goes on");
        assert_eq!(limit.admit(start + MINUTE, Uuid::max()), Ok(()));
        assert_eq!(limit.buckets.lock().unwrap().len(), 1);
    }
}
