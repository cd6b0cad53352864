//! State that a server needs at its next start: its ports, password and name, in `<directory>/server.json`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ServerError;
use super::error::AtPath as _;

const FILE: &str = "server.json";

/// The record of an earlier start, if there was one.
pub(super) fn load<T: DeserializeOwned>(directory: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()
}

/// Keeps the record.
pub(super) fn save<T: Serialize>(directory: &Path, record: &T) -> Result<(), ServerError> {
    let text = serde_json::to_vec_pretty(record).expect("a record of plain fields is always JSON");
    write_private(&directory.join(FILE), &text)
}

/// Replaces a file that only its owner may read, in one step: a reader sees the old or the new, never a part.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), ServerError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = Path::new(&draft);
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(draft)?;
        file.write_all(content)?;
        fs::rename(draft, path)
    };
    write().at(path)
}
