//! The operating-system user that a server runs as.
//!
//! PostgreSQL refuses to run as root. Started by root it runs as `postgres` (which Debian's package creates) or `nobody`,
//! through `setpriv` of util-linux, which is on every Debian and Ubuntu system.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use super::ServerError;
use super::error::AtPath as _;

/// Who a server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// The user who started it.
    Caller,
    /// Another user, because the caller is root.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

impl Account {
    /// The caller, unless that is root; then a user of the system below `root`.
    pub(super) fn unprivileged(root: &Path) -> Result<Self, ServerError> {
        if !is_root() {
            return Ok(Self::Caller);
        }
        let passwd = root.join("etc/passwd");
        let entries = fs::read_to_string(&passwd).at(&passwd)?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find_user(&entries, name))
            .ok_or(ServerError::Program {
                program: "PostgreSQL".into(),
                detail: "it does not run as root, and there is neither a user postgres nor nobody".into(),
            })
    }

    /// A command run as this user, with an environment of its own: nothing of the caller's leaks into a server.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            Self::Caller => Command::new(program),
            Self::Other { uid, gid } => {
                let mut setpriv = Command::new("setpriv");
                setpriv.args([
                    format!("--reuid={uid}"),
                    format!("--regid={gid}"),
                    "--clear-groups".into(),
                ]);
                setpriv.arg("--").arg(program);
                setpriv
            }
        };
        command
            .env_clear()
            .env("PATH", super::system::SYSTEM_PATH)
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// Makes this user the owner of `path`.
    pub(super) fn own(self, path: &Path) -> Result<(), ServerError> {
        match self {
            Self::Caller => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)).at(path),
        }
    }
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Reads one line of passwd(5): `name:password:uid:gid:…`.
fn find_user(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some(Account::Other {
            uid,
            gid: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "postgres-old:x:1:1::/:/bin/sh\npostgres:x:104:112:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(
            find_user(passwd, "postgres"),
            Some(Account::Other { uid: 104, gid: 112 })
        );
        assert_eq!(find_user(passwd, "nobody"), None);
    }
}
