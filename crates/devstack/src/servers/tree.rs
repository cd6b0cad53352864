//! Servers out of another Debian tree than this machine's own: newer ones, as `tests/newer-servers` makes them.
//!
//! Their programs run with the tree as their root directory, in a mount namespace of their own: the directories that this
//! machine and the servers share exist in there only while they run, so nothing is left mounted.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::{Account, is_root};
use super::system::SYSTEM_PATH;
use super::{ServerError, storage};
use crate::checkout::dev_directory;

/// Names the tree; `make test SERVERS=DIR` sets it.
const VARIABLE: &str = "TESTKIT_SERVERS";

/// Makes the shared directories appear in the tree, then becomes the program in it.
///   $1 the tree   $2 user and group, or nothing   $3 the checkout's directory for servers   $4… the program
const ENTER: &str = r#"
tree=$1 user=$2 checkout=$3
shift 3
for directory in /proc /dev /tmp /var/tmp "$checkout"; do
  mkdir -p "$tree$directory" && mount --rbind "$directory" "$tree$directory" || exit 1
done
exec chroot ${user:+--userspec="$user" --groups=} "$tree" "$@"
"#;

/// A tree that has been named.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    directory: PathBuf,
}

impl Tree {
    /// The tree of the environment, when that names one.
    pub(super) fn named() -> Result<Option<Self>, ServerError> {
        env::var_os(VARIABLE)
            .filter(|name| !name.is_empty())
            .map(|name| Self::at(Path::new(&name)))
            .transpose()
    }

    fn at(directory: &Path) -> Result<Self, ServerError> {
        let unusable = |reason| ServerError::Tree {
            directory: directory.to_owned(),
            reason,
        };
        let real = directory.canonicalize().map_err(|_| unusable("it does not exist"))?;
        if is_root() {
            Ok(Self { directory: real })
        } else {
            Err(unusable("only root can run programs in it"))
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A program of the tree, named as it is called in there, to be run as `account`.
    pub(super) fn command(&self, account: Account, program: &Path) -> Command {
        let user = match account {
            Account::Caller => String::new(),
            Account::Other { uid, gid } => format!("{uid}:{gid}"),
        };
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--", "sh", "-c", ENTER, "enter"])
            .arg(&self.directory)
            .arg(user);
        command
            .arg(storage::create_directory(&dev_directory()).unwrap_or_else(|_| dev_directory()))
            .arg(program);
        command.env_clear().env("PATH", SYSTEM_PATH).env("LC_ALL", "C.UTF-8");
        command
    }
}

/// The last part of the named tree's path, if there is one: what sets the data of its servers apart, which those of
/// another release cannot read.
pub(crate) fn name_of_tree() -> Option<String> {
    let path = PathBuf::from(env::var_os(VARIABLE)?);
    let name = path.file_name()?.to_string_lossy();
    Some(
        name.chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_is_not_there_is_named_in_one_sentence() {
        let error = Tree::at(Path::new("/nowhere")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the servers of /nowhere cannot be used: it does not exist (tests/newer-servers makes such a tree, as root)"
        );
    }
}
