//! How long a server lives, and who sees to its end.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use super::ServerError;
use super::error::AtPath as _;
use super::process::Family;

/// A shell script, because it must outlive the test process that started it and no binary is sure to be built then.
const GUARD: &str = include_str!("guard.sh");

/// When a private server ends, unless it is stopped before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifetime {
    /// Never: it stands until `make stop`.
    Standing,
    /// With its handle, or with the process that holds it, however that ends.
    Owner,
    /// Like [`Lifetime::Owner`], and its directory goes too.
    Temporary,
    /// When no process has held a shared lock on `lease` for `grace` (whole seconds).
    WhileUsed {
        /// The file to lock.
        lease: PathBuf,
        /// How long it may be without a user: the time between two test binaries of a run.
        grace: Duration,
    },
}

impl Lifetime {
    /// Whether the handle's end is the server's end.
    pub(super) fn ends_with_owner(&self) -> bool {
        matches!(self, Self::Owner | Self::Temporary)
    }

    /// The file whose lock keeps the server at `directory` alive.
    fn lease(&self, directory: &Path) -> Option<PathBuf> {
        match self {
            Self::Standing => None,
            Self::Owner | Self::Temporary => Some(directory.join("lease")),
            Self::WhileUsed { lease, .. } => Some(lease.clone()),
        }
    }

    /// Takes the lease that this process must hold while it uses the server.
    pub(super) fn hold(&self, directory: &Path) -> Result<Option<Lease>, ServerError> {
        self.lease(directory).map(|lease| Lease::hold(&lease)).transpose()
    }

    /// Starts the guard that ends the server when its lease is free.
    pub(super) fn guard(&self, directory: &Path, family: &Family, log: &File) -> Result<Option<Child>, ServerError> {
        let Some(lease) = self.lease(directory) else {
            return Ok(None);
        };
        let grace = match self {
            Self::WhileUsed { grace, .. } => grace.as_secs(),
            _ => 0,
        };
        let then = if *self == Self::Temporary { "remove" } else { "keep" };
        let mut guard = Command::new("sh");
        guard
            .args(["-c", GUARD, "guard"])
            .arg(lease)
            .arg(grace.to_string())
            .arg(directory)
            .arg(then);
        family.spawn(&mut guard, log).map(Some).at(Path::new("sh"))
    }
}

/// A shared lock on a file; servers whose lifetime names that file live while any process holds one.
///
/// The kernel releases it with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lease {
    _file: File,
}

impl Lease {
    /// Waits until the lock is free of exclusive holders (a guard that is just ending the server) and takes it.
    pub(crate) fn hold(path: &Path) -> Result<Self, ServerError> {
        let file = open_lock(path)?;
        file.lock_shared().at(path)?;
        Ok(Self { _file: file })
    }
}

/// Opens a file that exists only to be locked.
pub(crate) fn open_lock(path: &Path) -> Result<File, ServerError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).at(parent)?;
    }
    OpenOptions::new()
        .write(true)
        .read(true)
        .create(true)
        .truncate(false)
        .open(path)
        .at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Instance;
    use crate::wait;

    #[tokio::test]
    async fn a_server_in_use_outlives_its_starter_and_ends_when_the_last_user_has_left() {
        let root = tempfile::tempdir().unwrap();
        let lease = root.path().join("lease");
        let while_used = Lifetime::WhileUsed {
            lease: lease.clone(),
            grace: Duration::from_secs(1),
        };
        let mut starter = Instance::at("sleep", &root.path().join("server"), while_used).unwrap();
        let family = Family::of(starter.directory());
        starter.launch(Command::new("sleep").arg("1000")).unwrap();

        let user = Lease::hold(&lease).unwrap();
        drop(starter);
        // The guard cannot take the lock while the server is in use, however long that lasts.
        assert!(open_lock(&lease).unwrap().try_lock().is_err());
        assert!(family.is_alive());

        drop(user);
        let ended = async || !family.is_alive();
        wait::until(Duration::from_secs(30), "the guard to end the server", ended)
            .await
            .unwrap();
    }
}
