//! One server or service as a family of processes with a directory, a log and a lifetime.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::error::AtPath as _;
use super::lifetime::{Lease, Lifetime};
use super::process::Family;
use super::{ServerError, storage};
use crate::wait;

/// From a server's launch to its first answer, on a loaded machine and after a crash that needs recovery.
pub(super) const START_DEADLINE: Duration = Duration::from_secs(120);
/// How much of a log an error shows.
const LOG_TAIL_LINES: usize = 20;
/// Erlang reports a whole state in one line.
const LOG_LINE_CHARS: usize = 240;

/// The processes of one server; see [`Lifetime`] for what happens when this is dropped.
#[derive(Debug)]
pub struct Instance {
    name: &'static str,
    directory: PathBuf,
    lifetime: Lifetime,
    family: Family,
    /// What this process started and must reap; empty for a server that another process started.
    children: Vec<Child>,
    lease: Option<Lease>,
    was_launched: bool,
}

impl Instance {
    /// The server at `directory`, which is created where missing; nothing is started yet.
    pub(crate) fn at(name: &'static str, directory: &Path, lifetime: Lifetime) -> Result<Self, ServerError> {
        let directory = storage::create_directory(directory)?;
        let lease = lifetime.hold(&directory)?;
        let family = Family::of(&directory);
        Ok(Self {
            name,
            directory,
            lifetime,
            family,
            children: Vec::new(),
            lease,
            was_launched: false,
        })
    }

    /// A directory of its own below `.dev/temporary/`, which goes with the instance.
    pub(crate) fn temporary(name: &'static str) -> Result<Self, ServerError> {
        let parent = storage::create_directory(&crate::checkout::dev_directory().join("temporary"))?;
        let directory = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(&parent)
            .at(&parent)?
            .keep();
        open_to_traversal(&directory)?;
        Self::at(name, &directory, Lifetime::Temporary)
    }

    /// Takes a server that another process started as it is: it does not end with this handle.
    pub(crate) fn adopt(&mut self) {
        if self.lifetime.ends_with_owner() {
            self.lifetime = Lifetime::Standing;
        }
    }

    /// Whether the end of this handle is its end.
    pub(crate) fn ends_with_owner(&self) -> bool {
        self.lifetime.ends_with_owner()
    }

    /// Where it keeps its files, without symbolic links.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts the family anew: remnants of an earlier one are killed first.
    pub(crate) fn launch(&mut self, command: &mut Command) -> Result<(), ServerError> {
        self.kill_nine()?;
        let log = self.open_log()?;
        self.was_launched = true;
        self.children
            .extend(self.lifetime.guard(&self.directory, &self.family, &log)?);
        let server = self.family.spawn(command, &log).map_err(|error| ServerError::Program {
            program: command.get_program().to_string_lossy().into_owned(),
            detail: error.to_string(),
        })?;
        self.children.push(server);
        Ok(())
    }

    /// The log of the first start is a new one, so that it does not grow for ever; a test that starts again reads on.
    fn open_log(&self) -> Result<File, ServerError> {
        let path = self.log();
        if !self.was_launched {
            File::create(&path).at(&path)?;
        }
        OpenOptions::new().append(true).open(&path).at(&path)
    }

    /// Everything it has written since the first start of this handle.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Whether any process of it is alive.
    pub fn is_running(&self) -> bool {
        self.family.is_alive()
    }

    /// Waits until `probe` succeeds, or reports why it does not: the program ended, or `within` passed.
    pub(crate) async fn wait_ready(
        &mut self,
        within: Duration,
        mut probe: impl AsyncFnMut() -> Result<(), String>,
    ) -> Result<(), ServerError> {
        let deadline = Instant::now() + within;
        while let Err(reason) = probe().await {
            if let Some(status) = self.exit_status() {
                return Err(self.start_error(format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(self.start_error(format!("not ready within {} s, because {reason}", within.as_secs())));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn start_error(&self, reason: String) -> ServerError {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<String> = log
            .lines()
            .map(|line| line.chars().take(LOG_LINE_CHARS).collect())
            .collect();
        let end = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n");
        ServerError::Start {
            name: self.name,
            reason,
            log: self.log(),
            end,
        }
    }

    /// How the program ended, if this process started it and it has ended.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.children
            .last_mut()
            .and_then(|child| child.try_wait().ok().flatten())
    }

    /// The process number of the program, if this process started it.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.children.last().map(Child::id)
    }

    /// Sends SIGTERM to the program that this process started and waits for its end.
    pub(crate) async fn terminate(&mut self, within: Duration) -> Result<ExitStatus, ServerError> {
        // A finished child keeps its process id until it is awaited, so this cannot reach another process.
        if let Some(pid) = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = wait::until_some(within, format!("{} to end", self.name), async || self.exit_status()).await?;
        self.kill_nine()?;
        Ok(ended)
    }

    /// SIGSTOP to every process of it: it neither answers nor ends, and its connections stay open.
    pub fn freeze(&self) {
        self.family.freeze();
    }

    /// SIGCONT, after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        self.family.thaw();
    }

    /// SIGKILL to every process of it, wherever it was forked to; returns when none is left.
    pub fn kill_nine(&mut self) -> Result<(), ServerError> {
        self.family.kill_nine()?;
        for mut child in self.children.drain(..) {
            // It has been killed above, so this only takes the zombie away.
            let _ = child.wait();
        }
        Ok(())
    }

    /// Asks it to end in order, waits for that, and removes whatever does not obey.
    pub(crate) async fn stop(&mut self) -> Result<(), ServerError> {
        let family = self.family.clone();
        spawn_blocking(move || family.end())
            .await
            .expect("ending processes does not panic")?;
        self.kill_nine()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if !self.lifetime.ends_with_owner() {
            return;
        }
        // There is no way to report it; the guard and `make stop` remain as second and third attempt.
        let killed = self.kill_nine();
        if killed.is_ok() && self.lifetime == Lifetime::Temporary {
            let _ = storage::remove(&self.directory);
        }
        drop(self.lease.take());
    }
}

/// Lets other users pass through: a database that root starts runs as one of them.
fn open_to_traversal(directory: &Path) -> Result<(), ServerError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o711)).at(directory)
}
