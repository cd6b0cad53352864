//! How many failed attempts to sign in this process checks.

use std::num::NonZeroU32;

use governor::Quota;

/// Tokens cannot be guessed; this bounds the cost of those who try.
pub(crate) const FAILED_SIGN_INS: Quota = Quota::per_minute(NonZeroU32::new(60).expect("60 is not zero"));
