//! How often a person may check requests.

use std::num::NonZeroU32;

use governor::Quota;
use runtime::RateLimit;
use uuid::Uuid;

/// Checks that a person may make: each computes up to some hundred signatures.
const PER_PERSON: Quota = Quota::per_minute(NonZeroU32::new(30).expect("30 is not zero"));

/// The limit of checks. Clones share it.
pub type CheckLimit = RateLimit<Uuid>;

/// A limit without any check so far.
pub fn check_limit() -> CheckLimit {
    RateLimit::new(PER_PERSON)
}
