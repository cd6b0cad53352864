//! Rate limit of each caller: a token bucket each, in this process's memory.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;
use runtime::RateLimit;
use uuid::Uuid;

use crate::rate_budget::RateBudget;

/// A limit on the requests of each token. Clones share it.
#[derive(Clone)]
pub struct RequestLimit(Option<(u32, RateLimit<Uuid>)>);

impl RequestLimit {
    /// So many requests a minute, in any moment as many as are left; 0 for any number.
    pub fn per_minute(per_minute: u32) -> Self {
        Self(NonZeroU32::new(per_minute).map(|most| (per_minute, RateLimit::new(Quota::per_minute(most)))))
    }

    /// Counts a request. What is left then, `None` without a limit; and how long to wait, when the token had none left: the
    /// request is not counted then.
    pub(crate) fn admit(&self, token: Uuid) -> (Option<RateBudget>, Result<(), Duration>) {
        let Some((most, limit)) = &self.0 else {
            return (None, Ok(()));
        };
        let taken = limit.take(token);
        let left = *taken.as_ref().unwrap_or(&0);
        (Some(RateBudget { most: *most, left }), taken.map(drop))
    }
}
