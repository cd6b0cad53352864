//! The clock that all processes of a run share: the machine's.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch. A step of the machine's clock during a round would spoil that round's latencies.
pub fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
