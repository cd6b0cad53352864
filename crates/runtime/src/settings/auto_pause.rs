//! `[auto_pause]`: the rule for auto-pause.

use domain::AutoPause;

use super::duration;
use super::parse::whole_number;
use super::reader::Reader;

/// Reads the rule; 0 never pauses a webhook.
pub(super) fn read(reader: &mut Reader) -> AutoPause {
    AutoPause {
        after: reader.value("auto_pause.after", "10", whole_number(0..=1_000_000)),
        within: reader.value("auto_pause.within", "0s", duration::between("0s", "24h")),
        suspended: false,
    }
}
