//! A private RabbitMQ node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use tokio::task::spawn_blocking;

use super::account::Account;
use super::instance::{Instance, START_DEADLINE};
use super::lifetime::Lifetime;
use super::management::Management;
use super::packages::Programs;
use super::rabbit_files::{self, Ports, Record, USER};
use super::{ServerError, Vhost, record, storage};
use crate::wait;

/// How often a lost race for a port is run again.
const PORT_ATTEMPTS: usize = 3;

/// How long the node may take to look at its memory or disk again.
const ALARM_DEADLINE: Duration = Duration::from_secs(30);

/// A resource alarm, which blocks every publishing connection of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// The memory high watermark.
    Memory,
    /// The free disk space limit.
    Disk,
}

/// A private RabbitMQ node on free loopback ports, with its management interface and Prometheus endpoint.
#[derive(Debug)]
pub struct PrivateRabbit {
    instance: Instance,
    programs: Programs,
    data: PathBuf,
    record: Record,
    url: String,
    management: Management,
}

impl PrivateRabbit {
    /// Starts a node on `directory`, initialising it when empty; it dies with the handle, the data stay.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn start(directory: &Path) -> Result<Self, ServerError> {
        Self::open(Instance::at("RabbitMQ", directory, Lifetime::Owner)?).await
    }

    /// Starts a node for one test on a directory that goes with it.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn temporary() -> Result<Self, ServerError> {
        Self::open(Instance::temporary("rabbitmq")?).await
    }

    /// Starts the node of `instance`, or finds it running.
    pub(crate) async fn open(instance: Instance) -> Result<Self, ServerError> {
        let record = record::load(instance.directory()).unwrap_or_else(Record::create);
        let mut node = Self::of(instance, record)?;
        if node.instance.is_running() && answers(&node.management, &node.record.node, &node.url).await.is_ok() {
            node.instance.adopt();
        } else {
            node.launch(true).await?;
        }
        Ok(node)
    }

    /// Starts a new node of this record for one test.
    pub(super) async fn temporary_of(record: Record) -> Result<Self, ServerError> {
        let mut node = Self::of(Instance::temporary("rabbitmq")?, record)?;
        node.launch(true).await?;
        Ok(node)
    }

    fn of(instance: Instance, record: Record) -> Result<Self, ServerError> {
        let data = storage::open(instance.directory(), Account::Caller)?;
        let (url, management) = addresses(&record)?;
        Ok(Self {
            instance,
            programs: Programs::rabbit()?,
            data,
            record,
            url,
            management,
        })
    }

    /// Starts the processes; `may_move` allows other ports when the recorded ones have been lost.
    async fn launch(&mut self, may_move: bool) -> Result<(), ServerError> {
        for _ in 0..PORT_ATTEMPTS {
            self.instance.kill_nine()?;
            self.settle_ports(may_move).await?;
            rabbit_files::write(&self.data, &self.record)?;
            record::save(self.instance.directory(), &self.record)?;
            let mut command = rabbit_files::command(&self.programs, "rabbitmq-server", &self.data, &self.record);
            self.instance.launch(&mut command)?;
            let management = &self.management;
            let node = &self.record.node;
            let url = &self.url;
            match self
                .instance
                .wait_ready(START_DEADLINE, async || answers(management, node, url).await)
                .await
            {
                Err(ServerError::Start { .. }) if self.lost_a_port()? => {}
                outcome => return outcome,
            }
        }
        Err(ServerError::PortTaken(self.record.ports.amqp))
    }

    /// After a failed start: whether another program holds one of the ports.
    fn lost_a_port(&mut self) -> Result<bool, ServerError> {
        self.instance.kill_nine()?;
        Ok(self.record.taken_port().is_some())
    }

    /// Makes sure that the ports are free: by waiting a little, or by moving to others.
    async fn settle_ports(&mut self, may_move: bool) -> Result<(), ServerError> {
        let Some(port) = self.record.taken_port() else {
            return Ok(());
        };
        if may_move {
            self.record.ports = Ports::choose();
            (self.url, self.management) = addresses(&self.record)?;
            return Ok(());
        }
        let record = &self.record;
        let freed = wait::until(Duration::from_secs(10), "the ports", async || {
            record.taken_port().is_none()
        })
        .await;
        freed.map_err(|_| ServerError::PortTaken(port))
    }

    /// `amqp://…/%2f` of the default virtual host.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name among the nodes of its cluster.
    pub fn name(&self) -> &str {
        &self.record.node
    }

    pub(super) fn management(&self) -> &Management {
        &self.management
    }

    /// `http://user:password@host:port` of the management interface.
    pub fn management_url(&self) -> String {
        let Record { password, ports, .. } = &self.record;
        format!("http://{USER}:{password}@127.0.0.1:{}", ports.management)
    }

    /// The node's directory and log.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    pub(crate) fn instance_mut(&mut self) -> &mut Instance {
        &mut self.instance
    }

    /// Creates a virtual host of a fresh name.
    ///
    /// # Errors
    /// The node is down.
    pub async fn create_vhost(&self) -> Result<Vhost, ServerError> {
        self.management.create_vhost().await
    }

    /// Raises a resource alarm and waits until the node reports it: publishing connections are then blocked.
    ///
    /// # Errors
    /// The node is down, or no alarm goes off.
    pub async fn raise_alarm(&self, alarm: Alarm) -> Result<(), ServerError> {
        match alarm {
            Alarm::Memory => self.control(&["set_vm_memory_high_watermark", "0.0000001"]).await?,
            Alarm::Disk => self.control(&["set_disk_free_limit", "1000000GB"]).await?,
        }
        self.wait_alarm(true).await
    }

    /// Clears a raised alarm, back to RabbitMQ's defaults, and waits until the node reports none.
    ///
    /// # Errors
    /// The node is down, or another alarm is in force.
    pub async fn clear_alarm(&self, alarm: Alarm) -> Result<(), ServerError> {
        match alarm {
            Alarm::Memory => self.control(&["set_vm_memory_high_watermark", "0.4"]).await?,
            Alarm::Disk => self.control(&["set_disk_free_limit", "50MB"]).await?,
        }
        self.wait_alarm(false).await
    }

    async fn wait_alarm(&self, in_force: bool) -> Result<(), ServerError> {
        let reported = async || {
            self.management
                .has_alarm()
                .await
                .is_ok_and(|reported| reported == in_force)
        };
        Ok(wait::until(ALARM_DEADLINE, format!("the alarm to be {in_force}"), reported).await?)
    }

    /// Makes the node close every connection, and waits until it has.
    ///
    /// # Errors
    /// The node is down.
    pub async fn close_all_connections(&self) -> Result<(), ServerError> {
        self.control(&["close_all_connections", "closed by a test"]).await
    }

    /// Makes the node ready to be stopped, as an operator does before an upgrade: it hands its queues to other nodes, closes
    /// its connections and takes no more, until it has been started again.
    ///
    /// # Errors
    /// The node is down.
    pub async fn drain(&self) -> Result<(), ServerError> {
        self.run("rabbitmq-upgrade", &["drain"]).await
    }

    async fn control(&self, arguments: &[&str]) -> Result<(), ServerError> {
        self.run("rabbitmqctl", arguments).await
    }

    /// Runs a tool of RabbitMQ, which costs a second or two of computing: an Erlang node of its own.
    async fn run(&self, program: &str, arguments: &[&str]) -> Result<(), ServerError> {
        let mut command = rabbit_files::command(&self.programs, program, &self.data, &self.record);
        command.arg("--quiet").args(arguments);
        let failed = |detail: String| ServerError::Program {
            program: program.to_owned(),
            detail,
        };
        let ran = spawn_blocking(move || command.output())
            .await
            .expect("running a program does not panic");
        let output = ran.map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// Processes survive even SIGKILL.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.instance.stop().await
    }

    /// SIGKILL to every process of it at once; returns when none is left.
    ///
    /// RabbitMQ 3.10 saves the list of its quorum queues every 500 ms: one declared shortly before comes back empty, with
    /// confirmed messages lost. A test that kills must declare its queues earlier, or restart the node in between.
    ///
    /// # Errors
    /// Processes survive even that.
    pub async fn kill_nine(&mut self) -> Result<(), ServerError> {
        self.instance.kill_nine()
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill_nine`](Self::kill_nine), on the same ports and data.
    ///
    /// # Errors
    /// It does not start, or a port has been taken meanwhile.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        self.launch(false).await
    }
}

fn addresses(record: &Record) -> Result<(String, Management), ServerError> {
    let Record { password, ports, .. } = record;
    let url = format!("amqp://{USER}:{password}@127.0.0.1:{}/%2f", ports.amqp);
    let management = Management::new(&url, &format!("http://127.0.0.1:{}", ports.management))?;
    Ok((url, management))
}

/// Whether the node that answers has our password and name, and takes AMQP connections, which it does last.
async fn answers(management: &Management, node: &str, url: &str) -> Result<(), String> {
    let ask = async {
        let name = management.node_name().await?;
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        connection.close(200, "answered".into()).await?;
        Ok::<String, ServerError>(name)
    };
    // Boxed because connecting is a large future, which would be part of every caller's.
    match Box::pin(ask).await {
        Ok(name) if name == node => Ok(()),
        Ok(name) => Err(format!("another node answers, {name}")),
        Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
    }
}
