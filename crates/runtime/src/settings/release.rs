//! `[release]`: how fast a resumed webhook gets what was held.

use domain::ReleasePace;

use super::parse::whole_number;
use super::reader::Reader;

/// How fast a resumed webhook gets what was held.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseSettings {
    /// Held deliveries a second, to one webhook.
    pub per_second: ReleasePace,
}

impl ReleaseSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let per_second: u16 = reader.value("release.per_second", "50", whole_number(1..=1000));
        Self { per_second: ReleasePace::new(per_second.into()) }
    }
}
