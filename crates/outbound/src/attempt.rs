//! The result of one POST.

use std::time::Duration;

use domain::Outcome;

/// The result of one POST. Holds nothing internal: every field may be shown to the webhook's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The outcome; the status decides as soon as one arrived.
    pub outcome: Outcome,
    /// The response's status, if one arrived (also 101 and 600–999, which are no success).
    pub http_status: Option<u16>,
    /// `Retry-After` as received: at most 64 visible ASCII characters and spaces, else `None`.
    pub retry_after: Option<String>,
    /// From the call to the end of the response's head, or to the failure. Includes resolving and connecting.
    pub response_time: Duration,
    /// Why no response arrived, in our own words (`"timeout"`, `"connection refused"`, …); `None` when one did.
    pub error: Option<&'static str>,
    /// The first bytes of the response body, at most 4 KiB, as received (any bytes; not decompressed).
    pub response_excerpt: Vec<u8>,
}
