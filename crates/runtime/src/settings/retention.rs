//! `[retention]`: retention of the delivery log.

use super::parse::whole_number;
use super::reader::Reader;

/// Retention of the delivery log.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Days; older partitions are dropped, including held deliveries.
    pub days: u16,
}

impl RetentionSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            days: reader.value("retention.days", "30", whole_number(1..=3650)),
        }
    }
}
