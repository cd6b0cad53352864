//! `[api]`: how often the admin API answers.

use super::parse::whole_number;
use super::reader::Reader;

/// How often the admin API answers.
#[derive(Clone, Copy, Debug)]
pub struct ApiSettings {
    /// Requests a minute with one token, answered by one process; 0 for any number.
    pub per_minute: u32,
}

impl ApiSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { per_minute: reader.value("api.per_minute", "3000", whole_number(0..=1_000_000)) }
    }
}
