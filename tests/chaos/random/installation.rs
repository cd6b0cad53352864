//! The installation that a run disturbs: servers, programs, and a link from each program to each server.

use std::path::{Path, PathBuf};

use e2e::{Link, Program, Site};
use tempfile::TempDir;
use testkit::servers::{Durability, PrivateCluster, PrivatePostgres};
use tokio::sync::Mutex;

use super::fault::{Process, Server};
use super::names::Names;
use super::schedule::{SKEWABLE, Scope};
use super::small_disk::{self, SmallDisk};

const FANOUTS: usize = 2;
const SENDERS: usize = 2;
/// Lets a program run by a clock that is off (Debian's package `libfaketime`).
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";
/// What differs from the defaults: everything that would take longer than a run may.
const SETTINGS: [(&str, &str); 5] = [
    ("WEBHOOKS_RETRY__DELAYS", "2s,4s,8s"),
    ("WEBHOOKS_EGRESS__TIMEOUT", "3s"),
    ("WEBHOOKS_EGRESS__CONNECT_TIMEOUT", "2s"),
    ("WEBHOOKS_SENDER__CONCURRENCY", "64"),
    ("WEBHOOKS_SENDER__PER_WEBHOOK_CONCURRENCY", "16"),
];

/// A program with its ways to the servers.
pub struct Node {
    pub process: Process,
    pub program: Mutex<Program>,
    pub to_broker: Mutex<Link>,
    pub to_database: Mutex<Link>,
    /// What its clock is off by stands in there; `None` where it runs by the machine's clock.
    clock: Option<PathBuf>,
    /// The most memory that its former processes had, in MiB.
    pub former_peak: Mutex<u64>,
}

pub struct Installation {
    pub broker: Mutex<PrivateCluster>,
    pub database: Mutex<PrivatePostgres>,
    pub nodes: Vec<Node>,
    pub site: Site,
    pub names: Names,
    /// Where the database has one of its own.
    pub disk: Option<SmallDisk>,
    _clocks: TempDir,
}

impl Installation {
    /// Starts everything, with that many broker nodes, and waits until it is ready.
    pub async fn start(broker_nodes: usize) -> anyhow::Result<Self> {
        let disk = SmallDisk::make()?;
        let (broker, database) = match &disk {
            Some(disk) => tokio::try_join!(
                PrivateCluster::temporary(broker_nodes),
                PrivatePostgres::start(disk.directory(), Durability::ProcessDeath)
            )?,
            None => tokio::try_join!(PrivateCluster::temporary(broker_nodes), PrivatePostgres::temporary())?,
        };
        let mut site = Site::on(broker.create_vhost().await?, database.create_database().await?)?;
        if disk.is_some() {
            small_disk::leave_room(&site).await?;
        }
        SETTINGS.iter().for_each(|(variable, value)| site.set(variable, value));
        let names = Names::start().await?;
        site.set("WEBHOOKS_EGRESS__NAME_SERVERS", &names.address().to_string());
        site.migrate().await?;
        let clocks = tempfile::tempdir()?;
        let mut nodes = Vec::new();
        let fanouts = (0..FANOUTS).map(Process::Fanout);
        for (number, process) in fanouts.chain((0..SENDERS).map(Process::Sender)).enumerate() {
            let to_broker = site.link_to_broker(number).await?;
            nodes.push(Node::start(process, to_broker, &mut site, clocks.path()).await?);
        }
        for node in &nodes {
            node.program.lock().await.wait_ready().await?;
        }
        let (broker, database) = (Mutex::new(broker), Mutex::new(database));
        Ok(Self {
            broker,
            database,
            nodes,
            site,
            names,
            disk,
            _clocks: clocks,
        })
    }

    pub fn scope(broker_nodes: usize, moody: usize) -> Scope {
        Scope {
            fanouts: FANOUTS,
            senders: SENDERS,
            nodes: broker_nodes,
            moody,
        }
    }

    pub fn node(&self, process: Process) -> &Node {
        self.nodes
            .iter()
            .find(|node| node.process == process)
            .expect("schedules name only processes there are")
    }
}

impl Node {
    async fn start(process: Process, to_broker: Link, site: &mut Site, clocks: &Path) -> anyhow::Result<Self> {
        let mut to_database = Link::to(site.database_url())?;
        to_database.open().await?;
        site.set("WEBHOOKS_AMQP__URL", to_broker.url());
        site.set("WEBHOOKS_DATABASE__URL", to_database.url());
        let clock = fake_clock(process, site, clocks)?;
        let program = match process {
            Process::Fanout(_) => site.launch("fanout")?,
            Process::Sender(_) => site.launch("sender")?,
        };
        Ok(Self {
            process,
            program: Mutex::new(program),
            to_broker: Mutex::new(to_broker),
            to_database: Mutex::new(to_database),
            clock,
            former_peak: Mutex::new(0),
        })
    }

    pub fn link(&self, server: Server) -> &Mutex<Link> {
        match server {
            Server::Broker => &self.to_broker,
            Server::Database => &self.to_database,
        }
    }

    /// Shifts its clock by this many seconds; false where that is not possible.
    pub fn skew_clock(&self, seconds: i64) -> anyhow::Result<bool> {
        let Some(clock) = &self.clock else { return Ok(false) };
        std::fs::write(clock, format!("{seconds:+}s\n"))?;
        Ok(true)
    }

    /// Keeps the peak of the process that is about to be ended.
    pub async fn note_peak(&self, program: &Program) {
        let mut peak = self.former_peak.lock().await;
        *peak = (*peak).max(program.peak_memory_mib().unwrap_or_default());
    }
}

/// Some run by a clock that can be put off, where the library for that is installed.
fn fake_clock(process: Process, site: &mut Site, clocks: &Path) -> anyhow::Result<Option<PathBuf>> {
    let library = Path::new("/usr/lib")
        .join(format!("{}-linux-gnu", std::env::consts::ARCH))
        .join(FAKETIME);
    if !SKEWABLE.contains(&process) || !library.exists() {
        ["LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE"]
            .into_iter()
            .for_each(|variable| site.set(variable, ""));
        return Ok(None);
    }
    let clock = clocks.join(process.to_string().replace(' ', "-"));
    std::fs::write(&clock, "+0s\n")?;
    site.set("LD_PRELOAD", &library.display().to_string());
    site.set("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string());
    site.set("FAKETIME_CACHE_DURATION", "1");
    // Timers use the monotonic clock, which cannot be set.
    site.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    site.set("DONT_FAKE_MONOTONIC", "1");
    Ok(Some(clock))
}
