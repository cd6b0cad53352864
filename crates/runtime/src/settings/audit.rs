//! `[audit]`: retention of the audit trail.

use super::parse::whole_number;
use super::reader::Reader;

/// Retention of the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct AuditSettings {
    /// Days; separate from the delivery log, which is far larger.
    pub days: u16,
}

impl AuditSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            days: reader.value("audit.days", "365", whole_number(1..=3650)),
        }
    }
}
