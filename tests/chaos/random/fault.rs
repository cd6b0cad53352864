//! The faults that a run may have, as values.

use std::fmt;
use std::time::Duration;

use strum::VariantArray;

/// What must be over before deliveries are on time again, once the affected process detects the fault.
const LOUD: Duration = Duration::from_secs(15);
/// The same when a connection goes silent or a server hangs: that has to be noticed first.
const SILENT: Duration = Duration::from_secs(60);

/// A program of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    Fanout(usize),
    Sender(usize),
}

/// The server at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Broker,
    Database,
}

/// One thing that goes wrong, and is put right later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL, and a new start.
    Kill(Process),
    /// SIGTERM, and a new start.
    Terminate(Process),
    /// SIGSTOP, and SIGCONT.
    Freeze(Process),
    /// Its clock is wrong by this many seconds.
    SkewClock(Process, i64),
    /// Nothing passes and nothing is closed, on new connections neither; the old ones stay dead for good.
    Silence(Process, Server),
    /// Connections are closed and refused.
    Cut(Process, Server),
    Database(DatabaseFault),
    Broker(BrokerFault),
    /// No name resolves.
    Names(NamesFault),
    /// The receiver of a webhook misbehaves.
    Receiver(usize, Mood),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseFault {
    Stop,
    Kill,
    Freeze,
    ReadOnly,
    /// All sessions are ended, again and again.
    EndSessions,
    FullDisk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerFault {
    /// One of its nodes, by its number from 0, goes.
    Node(usize, NodeFault),
    MemoryAlarm,
    DiskAlarm,
    /// All connections are closed by the management interface, again and again.
    CloseConnections,
    DeleteExchange(&'static str),
    DeleteQueue(&'static str),
}

/// How one broker node fails, until it is started again or continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFault {
    Stop,
    /// Maintenance mode, then a stop.
    Drain,
    Kill,
    Freeze,
}

/// How the name server fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamesFault {
    Failures,
    Refusals,
    Silence,
}

/// How a receiver misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Mood {
    ServerErrors,
    Unavailable,
    Hangs,
    QuickThenHangs,
    HeadWithoutEnd,
    SlowBody,
    EndlessBody,
    Resets,
    Slow,
    Redirects,
    NotFound,
    Gone,
    Throttles,
    /// Its name's zone cannot be resolved.
    ZoneFails,
}

/// The target of a fault. Two faults never have the same target at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Process(Process),
    Link(Process, Server),
    Server(Server),
    Names,
    Receiver(usize),
}

impl Fault {
    pub fn target(self) -> Target {
        match self {
            Self::Kill(process) | Self::Terminate(process) | Self::Freeze(process) | Self::SkewClock(process, _) => {
                Target::Process(process)
            }
            Self::Silence(process, server) | Self::Cut(process, server) => Target::Link(process, server),
            Self::Database(_) => Target::Server(Server::Database),
            Self::Broker(_) => Target::Server(Server::Broker),
            Self::Names(_) => Target::Names,
            Self::Receiver(webhook, _) => Target::Receiver(webhook),
        }
    }

    /// How long after its end deliveries may still be late. A faulty receiver must not delay others.
    pub fn aftermath(self) -> Option<Duration> {
        match self {
            Self::Receiver(..) => None,
            Self::Silence(..)
            | Self::Database(DatabaseFault::Freeze)
            | Self::Broker(BrokerFault::Node(_, NodeFault::Freeze))
            | Self::Names(NamesFault::Silence) => Some(SILENT),
            _ => Some(LOUD),
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fanout(number) => write!(f, "fanout {number}"),
            Self::Sender(number) => write!(f, "sender {number}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(process) => write!(f, "{process} is killed"),
            Self::Terminate(process) => write!(f, "{process} is terminated"),
            Self::Freeze(process) => write!(f, "{process} is frozen"),
            Self::SkewClock(process, seconds) => write!(f, "the clock of {process} is {seconds:+} s off"),
            Self::Silence(process, server) => write!(f, "the link from {process} to the {server:?} is silent"),
            Self::Cut(process, server) => write!(f, "the link from {process} to the {server:?} is cut"),
            Self::Database(fault) => write!(f, "Database: {fault:?}"),
            Self::Broker(BrokerFault::Node(number, fault)) => write!(f, "node {number} of the Broker: {fault:?}"),
            Self::Broker(fault) => write!(f, "Broker: {fault:?}"),
            Self::Names(fault) => write!(f, "Names: {fault:?}"),
            Self::Receiver(webhook, mood) => write!(f, "receiver {webhook}: {mood:?}"),
        }
    }
}
