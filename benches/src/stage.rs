//! What both sides share: a private broker and database server with real durability, and the receiver.

use std::fs::{self, File, TryLockError};
use std::time::Duration;

use anyhow::{Context, bail};
use testkit::Stack;
use testkit::servers::{Durability, Lifetime};

use crate::part::Part;
use crate::processes::Processes;
use crate::receiver::Address;

/// From the receiver's start to its address.
const START: Duration = Duration::from_secs(30);

/// The servers and the receiver. Dropping it ends them and removes their data.
pub struct Stage {
    /// The broker and the database server.
    pub stack: Stack,
    /// The receiver.
    pub receiver: Part,
    /// Where the receiver is.
    pub address: Address,
    /// The process number of the broker.
    pub broker_pid: u32,
    /// The process number of the database server; its other processes are its children.
    pub database_pid: u32,
    /// Two benchmarks on one machine would measure each other.
    _lock: File,
}

impl Stage {
    /// Starts everything below `.dev/bench`.
    ///
    /// # Errors
    /// When something does not start, or another benchmark runs in this checkout.
    pub async fn start() -> anyhow::Result<Self> {
        let directory = testkit::dev_directory().join("bench");
        fs::create_dir_all(&directory)?;
        let lock = File::create(directory.join("running"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another benchmark runs in this checkout"),
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock .dev/bench/running"),
        }
        let stack = Stack::up(&directory, Lifetime::Temporary, Durability::PowerLoss).await?;
        let (broker_pid, database_pid) = servers()?;
        let mut receiver = Part::start("receiver")?;
        let address = receiver.ask(&(), START).await?;
        Ok(Self {
            stack,
            receiver,
            address,
            broker_pid,
            database_pid,
            _lock: lock,
        })
    }
}

/// The servers are children of this process, the broker below the scripts that start it.
fn servers() -> anyhow::Result<(u32, u32)> {
    let processes = Processes::read();
    let me = std::process::id();
    let find = |name| {
        processes
            .find_below(me, name)
            .with_context(|| format!("there is no process {name}"))
    };
    Ok((find("beam.smp")?, find("postgres")?))
}
