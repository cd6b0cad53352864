//! The configuration files and environment of a private RabbitMQ node.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::error::AtPath as _;
use super::packages::Programs;
use super::{ServerError, ports, record};

/// The management user, administrator of the node.
pub(super) const USER: &str = "webhooks";

/// State that a node needs at its next start. The node's name is part of the paths of its data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) node: String,
    pub(super) password: String,
    pub(super) ports: Ports,
    /// Of a node that is one of several.
    #[serde(default)]
    pub(super) cluster: Option<Membership>,
}

/// What the nodes of a cluster have in common, beside the password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Membership {
    /// The port of the port mapper, which none of the nodes may start: it would die with that one.
    pub(super) port_mapper: u16,
    /// The nodes that were there before this one, which it joins at its first start.
    pub(super) joins: Vec<String>,
}

/// All ports of a node, each on the loopback.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Ports {
    pub(super) amqp: u16,
    pub(super) management: u16,
    pub(super) prometheus: u16,
    pub(super) distribution: u16,
    pub(super) port_mapper: u16,
}

impl Ports {
    pub(super) fn choose() -> Self {
        let [amqp, management, prometheus, distribution, port_mapper] = ports::free_ports();
        Self {
            amqp,
            management,
            prometheus,
            distribution,
            port_mapper,
        }
    }
}

impl Record {
    pub(super) fn create() -> Self {
        let random: [u64; 3] = std::array::from_fn(|_| u64::from_ne_bytes(ports::random_bytes()));
        Self {
            node: format!("webhooks-{:08x}@localhost", random[0] as u32),
            password: format!("{:016x}{:016x}", random[1], random[2]),
            ports: Ports::choose(),
            cluster: None,
        }
    }

    /// A node that is to join `others`, or is the first of a cluster.
    pub(super) fn create_member(port_mapper: u16, password: &str, others: &[String]) -> Self {
        let cluster = Some(Membership {
            port_mapper,
            joins: others.to_vec(),
        });
        Self {
            password: password.to_owned(),
            cluster,
            ..Self::create()
        }
    }

    /// The first of its own ports that somebody listens on.
    pub(super) fn taken_port(&self) -> Option<u16> {
        let Ports {
            amqp,
            management,
            prometheus,
            distribution,
            port_mapper,
        } = self.ports;
        let port_mapper = self.cluster.is_none().then_some(port_mapper);
        [amqp, management, prometheus, distribution]
            .into_iter()
            .chain(port_mapper)
            .find(|port| !ports::is_free(*port))
    }

    fn port_mapper(&self) -> u16 {
        self.cluster
            .as_ref()
            .map_or(self.ports.port_mapper, |cluster| cluster.port_mapper)
    }
}

/// Writes the node's configuration for its present ports.
pub(super) fn write(data: &Path, record: &Record) -> Result<(), ServerError> {
    let Record {
        password,
        ports: Ports {
            amqp,
            management,
            prometheus,
            ..
        },
        ..
    } = record;
    let mut configuration = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management}\n\
         prometheus.tcp.ip = 127.0.0.1\n\
         prometheus.tcp.port = {prometheus}\n\
         default_user = {USER}\n\
         default_pass = {password}\n\
         collect_statistics_interval = 1000\n\
         log.console = true\n\
         log.console.use_colors = off\n\
         log.file = false\n"
    );
    if let Some(cluster) = &record.cluster {
        configuration += &membership(cluster, &record.node);
        // The password between nodes.
        record::write_private(&data.join(".erlang.cookie"), password.as_bytes())?;
    }
    record::write_private(&data.join("rabbitmq.conf"), configuration.as_bytes())?;
    // Queue totals every second instead of every five, in milliseconds; rabbitmq.conf has no key for it.
    record::write_private(
        &data.join("advanced.config"),
        b"[{rabbit, [{quorum_tick_interval, 1000}]}].\n",
    )?;
    record::write_private(
        &data.join("enabled_plugins"),
        b"[rabbitmq_management,rabbitmq_prometheus].\n",
    )?;
    record::write_private(&data.join("rabbitmq-env.conf"), b"")?;
    let additional = data.join("conf.d");
    fs::create_dir_all(&additional).at(&additional)
}

/// The settings of a node of a cluster: whom it joins when it starts for the first time.
fn membership(cluster: &Membership, node: &str) -> String {
    // Without others it is to begin alone, and at once.
    let listed = cluster
        .joins
        .iter()
        .map(String::as_str)
        .chain((!cluster.joins.is_empty()).then_some(node));
    let lines = listed
        .enumerate()
        .map(|(number, node)| format!("cluster_formation.classic_config.nodes.{} = {node}\n", number + 1));
    lines.collect()
}

/// A program of RabbitMQ for this node: every file it would look for below `/etc` or `/var` is named, so that nothing of
/// the system's own node is read or written.
pub(super) fn command(programs: &Programs, program: &str, data: &Path, record: &Record) -> Command {
    let mut command = programs.command(Account::Caller, program);
    command
        .current_dir(data)
        // Erlang keeps the cookie in the home directory.
        .env("HOME", data)
        .env("RABBITMQ_NODENAME", &record.node)
        .env("RABBITMQ_CONFIG_FILE", data.join("rabbitmq.conf"))
        .env("RABBITMQ_CONFIG_FILES", data.join("conf.d"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", data.join("advanced.config"))
        .env("RABBITMQ_CONF_ENV_FILE", data.join("rabbitmq-env.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", data.join("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", data.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", data.join("log"))
        .env("RABBITMQ_DIST_PORT", record.ports.distribution.to_string())
        .env("ERL_EPMD_PORT", record.port_mapper().to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_CRASH_DUMP", data.join("erl_crash.dump"))
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        );
    command
}
