//! `[api]`: the rate limit of the admin API.

use super::parse::whole_number;
use super::reader::Reader;

/// The rate limit of the admin API.
#[derive(Clone, Copy, Debug)]
pub struct ApiSettings {
    /// Requests per minute and token, in one process; 0 for no limit.
    pub per_minute: u32,
}

impl ApiSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            per_minute: reader.value("api.per_minute", "3000", whole_number(0..=1_000_000)),
        }
    }
}
