//! `[limits]`: limits for one account or one receiver host.

use super::parse::whole_number;
use super::reader::Reader;

/// Limits for one account or one receiver host.
#[derive(Clone, Copy, Debug)]
pub struct LimitsSettings {
    /// Maximum number of webhooks of an account. One event becomes a request to each subscribed one.
    pub webhooks_per_account: u32,
    /// Maximum requests in flight from one sender to one receiver host.
    pub per_host_concurrency: usize,
}

impl LimitsSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            webhooks_per_account: reader.value("limits.webhooks_per_account", "1000", whole_number(1..=100_000)),
            per_host_concurrency: reader.value("limits.per_host_concurrency", "128", whole_number(1..=65_536)),
        }
    }
}
