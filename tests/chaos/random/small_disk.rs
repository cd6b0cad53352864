//! A small disk for the database, that can be filled: a file system in memory, in the mount namespace that `make chaos`
//! makes when root runs it, so that nothing stays mounted however the run ends.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::Site;
use tempfile::TempDir;

/// Marks that this process has a mount namespace of its own.
const OWN_MOUNTS: &str = "CHAOS_OWN_MOUNTS";
const OPTIONS: &str = "size=640m,mode=0777";
/// Keeps the write-ahead log from filling the disk by itself.
const LEAVE_ROOM: [&str; 2] = ["ALTER SYSTEM SET max_wal_size = '128MB'", "SELECT pg_reload_conf()"];
/// One write of what fills it.
static FILLING: [u8; 1024 * 1024] = [0; 1024 * 1024];

pub struct SmallDisk {
    /// Of the server; its data are below, on the disk.
    directory: TempDir,
}

impl SmallDisk {
    /// `None` where this process shares its mounts with others.
    pub fn make() -> anyhow::Result<Option<Self>> {
        if std::env::var_os(OWN_MOUNTS).is_none_or(|value| value.is_empty()) {
            return Ok(None);
        }
        let disk = Self {
            directory: tempfile::tempdir()?,
        };
        // PostgreSQL runs as another user, who must get through.
        fs::set_permissions(disk.directory(), Permissions::from_mode(0o711))?;
        fs::create_dir(disk.data())?;
        let mut mount = Command::new("mount");
        let status = mount
            .args(["-t", "tmpfs", "-o", OPTIONS, "chaos"])
            .arg(disk.data())
            .status()?;
        anyhow::ensure!(status.success(), "the small disk cannot be mounted");
        Ok(Some(disk))
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn data(&self) -> PathBuf {
        self.directory().join("data")
    }

    /// Leaves no byte free.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.data().join("filling"))?;
        while file.write(&FILLING).is_ok_and(|written| written > 0) {}
        Ok(())
    }

    /// Frees what [`fill`](Self::fill) took.
    pub fn free(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.data().join("filling"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Still in use where the server is; it goes with the namespace.
        let _ = Command::new("umount").arg("--lazy").arg(self.data()).status();
    }
}

/// Lets the server on it use a part of the disk only.
pub async fn leave_room(site: &Site) -> anyhow::Result<()> {
    let session = site.database().await?;
    for statement in LEAVE_ROOM {
        session.execute(statement).await?;
    }
    Ok(())
}
