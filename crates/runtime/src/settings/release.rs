//! `[release]`: the release rate after a resume.

use domain::ReleaseRate;

use super::parse::whole_number;
use super::reader::Reader;

/// The release rate after a resume.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseSettings {
    /// Maximum held deliveries per second to one webhook.
    pub per_second: ReleaseRate,
}

impl ReleaseSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let per_second: u16 = reader.value("release.per_second", "50", whole_number(1..=1000));
        Self {
            per_second: ReleaseRate::new(per_second.into()),
        }
    }
}
