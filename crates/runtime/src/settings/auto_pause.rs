//! `[auto_pause]`: when a failing webhook is paused.

use domain::AutoPause;

use super::parse::whole_number;
use super::reader::Reader;

/// Reads the rule; 0 never pauses a webhook.
pub(super) fn read(reader: &mut Reader) -> AutoPause {
    AutoPause { after: reader.value("auto_pause.after", "10", whole_number(0..=1_000_000)) }
}
