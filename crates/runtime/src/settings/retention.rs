//! `[retention]`: how long the delivery log is kept.

use super::parse::whole_number;
use super::reader::Reader;

/// How long the delivery log is kept.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Days; older partitions are dropped, held deliveries with them.
    pub days: u16,
}

impl RetentionSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { days: reader.value("retention.days", "30", whole_number(1..=3650)) }
    }
}
