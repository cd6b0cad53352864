//! Rate limit of each caller: a token bucket each, in this process's memory.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;
use runtime::RateLimit;
use uuid::Uuid;

/// A limit on the requests of each token. Clones share it.
#[derive(Clone)]
pub struct RequestLimit(Option<RateLimit<Uuid>>);

impl RequestLimit {
    /// So many requests a minute, in any moment as many as are left; 0 for any number.
    pub fn per_minute(per_minute: u32) -> Self {
        Self(NonZeroU32::new(per_minute).map(|most| RateLimit::new(Quota::per_minute(most))))
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait, when the token has none left. It is not counted then.
    pub(crate) fn admit(&self, token: Uuid) -> Result<(), Duration> {
        self.0.as_ref().map_or(Ok(()), |limit| limit.check(token))
    }
}
