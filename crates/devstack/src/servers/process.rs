//! The processes of one private server, found by the mark they carry, wherever they were forked to.
//!
//! A process group is not enough: PostgreSQL's backends and Erlang's port mapper leave theirs. So every server is started
//! with [`MARK`] in its environment, which all descendants inherit. Root in a container may not read the environment of
//! another user's process; PostgreSQL, which then runs as another user, therefore carries the mark as an argument too, and
//! children are also found through their parents.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ServerError;

/// The environment variable that names the directory a process belongs to.
pub(super) const MARK: &str = "TESTKIT_PRIVATE_SERVER";
/// The same as an argument: a PostgreSQL setting of a class that PostgreSQL itself does not know.
pub(super) const MARK_ARGUMENT: &str = "testkit.private_server";

/// How long a server may take to end in order before it is killed; longer than a service's own `shutdown.grace`.
const END_DEADLINE: Duration = Duration::from_secs(40);
/// How long the kernel may take to remove processes that were sent SIGKILL.
const KILL_DEADLINE: Duration = Duration::from_secs(20);

/// One living process, as `/proc/<pid>/stat` describes it (proc_pid_stat(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    /// The executable's name, at most 15 bytes.
    name: String,
    /// Start time in clock ticks since boot; with the pid it identifies a process for good.
    started: u64,
}

impl Process {
    /// `None` when there is no such process, or only a zombie of it.
    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = tail.split_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            name,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// Sends a signal, unless the process has ended or its number has passed to another.
    fn signal(&self, signal: Signal) {
        if self.is_alive()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // A failure means that it has ended meanwhile; the waiting caller checks again.
            let _ = kill_process(pid, signal);
        }
    }
}

/// All processes marked with a directory or anything below it.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    directory: PathBuf,
}

impl Family {
    /// The family of `directory`, which must be an absolute path without symbolic links.
    pub(crate) fn of(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Starts a member in a process group of its own (a terminal's Ctrl-C must not reach it), writing to `log`.
    pub(crate) fn spawn(&self, command: &mut Command, log: &File) -> io::Result<Child> {
        command
            .env(MARK, &self.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .process_group(0)
            .spawn()
    }

    /// Whether any member is.
    pub(crate) fn is_alive(&self) -> bool {
        !self.members().is_empty()
    }

    /// The living members.
    fn members(&self) -> Vec<Process> {
        let all: Vec<Process> = all_pids().filter_map(Process::read).collect();
        let (mut members, mut others): (Vec<_>, Vec<_>) = all.into_iter().partition(|process| self.marks(process.pid));
        loop {
            let is_child = |process: &Process| members.iter().any(|member| member.pid == process.parent);
            let (children, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(is_child);
            if children.is_empty() {
                return members;
            }
            members.extend(children);
            others = rest;
        }
    }

    fn marks(&self, pid: i32) -> bool {
        self.is_named_in(&format!("/proc/{pid}/environ"), MARK)
            || self.is_named_in(&format!("/proc/{pid}/cmdline"), MARK_ARGUMENT)
    }

    fn is_named_in(&self, list: &str, key: &str) -> bool {
        let Ok(list) = fs::read(list) else { return false };
        list.split(|byte| *byte == 0)
            .filter_map(|entry| entry.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
            .any(|value| Path::new(std::ffi::OsStr::from_bytes(value)).starts_with(&self.directory))
    }

    /// Ends all members in order: first what uses the servers, then the servers, then by force what is left.
    ///
    /// Blocks for as long as that takes, some seconds for a server with much to write.
    pub(crate) fn end(&self) -> Result<(), ServerError> {
        self.ask_to_end(|name| match name {
            "fanout" | "sender" => Some(Signal::TERM),
            _ => None,
        });
        self.ask_to_end(|name| match name {
            // "Fast shutdown": does not wait for clients to leave (PostgreSQL manual, "Shutting Down the Server").
            "postgres" => Some(Signal::INT),
            "beam.smp" => Some(Signal::TERM),
            _ => None,
        });
        self.kill_nine()
    }

    /// Sends each member the signal that its name calls for, and waits until those are gone.
    fn ask_to_end(&self, signal_of: impl Fn(&str) -> Option<Signal>) {
        let members = self.members();
        // Of PostgreSQL only the first process gets the signal: for its children it has another meaning.
        let is_child = |process: &Process| {
            members
                .iter()
                .any(|other| other.pid == process.parent && other.name == process.name)
        };
        for process in members.iter().filter(|process| !is_child(process)) {
            if let Some(signal) = signal_of(&process.name) {
                process.signal(signal);
            }
        }
        let deadline = Instant::now() + END_DEADLINE;
        while Instant::now() < deadline && self.members().iter().any(|process| signal_of(&process.name).is_some()) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops every member but the guard, which must be able to end the others.
    pub(super) fn freeze(&self) {
        self.members()
            .iter()
            .filter(|process| process.name != "sh")
            .for_each(|process| process.signal(Signal::STOP));
    }

    /// Resumes every member.
    pub(super) fn thaw(&self) {
        self.members().iter().for_each(|process| process.signal(Signal::CONT));
    }

    /// SIGKILL to every member at once, again until none is left.
    ///
    /// Blocks for some milliseconds: it also runs where nothing can be awaited, when an owner is dropped.
    pub(crate) fn kill_nine(&self) -> Result<(), ServerError> {
        let deadline = Instant::now() + KILL_DEADLINE;
        let mut doomed = self.members();
        while !doomed.is_empty() {
            doomed.iter().for_each(|process| process.signal(Signal::KILL));
            if Instant::now() > deadline {
                return Err(ServerError::Survived {
                    directory: self.directory.clone(),
                });
            }
            thread::sleep(Duration::from_millis(5));
            doomed.retain(Process::is_alive);
            let known: Vec<i32> = doomed.iter().map(|process| process.pid).collect();
            doomed.extend(
                self.members()
                    .into_iter()
                    .filter(|process| !known.contains(&process.pid)),
            );
        }
        Ok(())
    }
}

fn all_pids() -> impl Iterator<Item = i32> {
    let myself = std::process::id();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(move |pid| u32::try_from(*pid) != Ok(myself))
}
