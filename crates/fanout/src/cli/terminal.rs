//! Standard output.

use anyhow::Context;
use jiff::Timestamp;

/// A timestamp in a list; a dash for none.
pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// Unlike `print!`, returns an error instead of panicking when standard output is closed.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}
