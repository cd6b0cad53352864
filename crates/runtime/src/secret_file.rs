//! A secret in a file of its own, as orchestrators mount it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Larger than any secret; a larger file must be a mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// The file's text without the newline that editors put at its end.
///
/// # Errors
/// When the file cannot be read, is empty, or is too large to be a secret.
pub fn read_secret_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is too large to be a secret"));
    }
    let trimmed = text
        .strip_suffix('\n')
        .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if trimmed.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    text.truncate(trimmed.len());
    Ok(text)
}
