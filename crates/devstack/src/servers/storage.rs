//! Where a server keeps its data.
//!
//! Normally `<directory>/data`. Two things can forbid that: PostgreSQL started by root runs as another user, who cannot
//! enter a checkout below, say, `/root`; and RabbitMQ cannot run on a path with wildcard characters. Then the data lies in
//! a directory of its own below `/var/tmp`, and `<directory>/data` is a symbolic link to it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use super::ServerError;
use super::account::Account;
use super::error::AtPath as _;

/// Survives a reboot, unlike `/tmp`, and is open to all users.
const ELSEWHERE: &str = "/var/tmp";

/// Creates `directory` where missing and gives its real path, free of symbolic links.
pub(crate) fn create_directory(directory: &Path) -> Result<PathBuf, ServerError> {
    fs::create_dir_all(directory).at(directory)?;
    directory.canonicalize().at(directory)
}

/// A data directory of `directory` for the caller, whose real path has no unusual characters.
pub(crate) fn open_plain_directory(directory: &Path) -> Result<PathBuf, ServerError> {
    open(&create_directory(directory)?, Account::Caller)
}

/// The real path of the data directory of the server at `directory`, owned by `account` and closed to everybody else.
pub(super) fn open(directory: &Path, account: Account) -> Result<PathBuf, ServerError> {
    let place = directory.join("data");
    if let Ok(existing) = place.canonicalize() {
        return Ok(existing);
    }
    // A link to a directory that has been removed.
    let _ = fs::remove_file(&place);
    DirBuilder::new().mode(0o700).create(&place).at(&place)?;
    account.own(&place)?;
    if is_plain(&place) && can_work_in(account, &place) {
        return Ok(place);
    }
    fs::remove_dir(&place).at(&place)?;
    let elsewhere = tempfile::Builder::new()
        .prefix("webhooks-")
        .tempdir_in(ELSEWHERE)
        .at(Path::new(ELSEWHERE))?
        .keep();
    account.own(&elsewhere)?;
    symlink(&elsewhere, &place).at(&place)?;
    Ok(elsewhere)
}

/// Removes a server's directory and its data, wherever that is.
pub(super) fn remove(directory: &Path) -> Result<(), ServerError> {
    if let Ok(data) = directory.join("data").canonicalize() {
        fs::remove_dir_all(&data).at(&data)?;
    }
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.at(directory),
    }
}

/// RabbitMQ's guide "File and Directory Locations" excludes some characters; leaving out all unusual ones costs nothing.
fn is_plain(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c)))
}

fn can_work_in(account: Account, directory: &Path) -> bool {
    let probe = r#"cd "$1" && : >probe && rm probe"#;
    account
        .command("sh")
        .args(["-c", probe, "sh"])
        .arg(directory)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_stays_below_the_directory_when_the_path_is_plain() {
        let root = tempfile::tempdir().unwrap();
        let data = open(root.path(), Account::Caller).unwrap();
        assert_eq!(data, root.path().join("data"));
        assert_eq!(open(root.path(), Account::Caller).unwrap(), data);
    }

    #[test]
    fn data_moves_elsewhere_when_the_path_is_not_and_goes_with_the_directory() {
        let root = tempfile::tempdir().unwrap();
        let directory = create_directory(&root.path().join("odd [path]")).unwrap();
        let data = open(&directory, Account::Caller).unwrap();
        assert!(data.starts_with(ELSEWHERE));
        assert_eq!(open(&directory, Account::Caller).unwrap(), data);
        remove(&directory).unwrap();
        assert!(!data.exists() && !directory.exists());
    }
}
