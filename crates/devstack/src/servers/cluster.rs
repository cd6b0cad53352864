//! A private RabbitMQ cluster: several nodes of one machine that are one broker.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::instance::{Instance, START_DEADLINE};
use super::management::{Management, encode};
use super::packages::Programs;
use super::rabbit_files::Record;
use super::{PrivateRabbit, ServerError, Vhost, ports};

/// From the start of its last node until a cluster has all of them, and all members of its queues.
const WHOLE_DEADLINE: Duration = Duration::from_secs(60);
/// To list all queues with their members is work for a node.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Several RabbitMQ nodes, each with a directory, ports and processes of its own; what is declared on one is there on all.
#[derive(Debug)]
pub struct PrivateCluster {
    nodes: Vec<PrivateRabbit>,
    management: Management,
    /// Tells the nodes each other's ports; ends after them.
    _port_mapper: Instance,
}

impl PrivateCluster {
    /// Starts that many nodes for one test, on directories that go with it.
    ///
    /// # Errors
    /// RabbitMQ is not installed, or does not start.
    pub async fn temporary(nodes: usize) -> Result<Self, ServerError> {
        let (port_mapper, port) = start_port_mapper().await?;
        let record = Record::create_member(port, &Record::create().password, &[]);
        let first = record.node.clone();
        let password = record.password.clone();
        let mut started = vec![PrivateRabbit::temporary_of(record).await?];
        let joining =
            || PrivateRabbit::temporary_of(Record::create_member(port, &password, std::slice::from_ref(&first)));
        started.extend(try_join_all((1..nodes).map(|_| joining())).await?);
        let management = Management::of_cluster(started.iter().map(|node| node.management().clone()));
        let cluster = Self {
            nodes: started,
            management,
            _port_mapper: port_mapper,
        };
        cluster.wait_whole().await?;
        Ok(cluster)
    }

    /// All nodes, whether they run or not.
    pub fn nodes(&self) -> &[PrivateRabbit] {
        &self.nodes
    }

    /// One of them, to be stopped, killed or started again.
    ///
    /// # Panics
    /// There are not that many.
    pub fn node(&mut self, number: usize) -> &mut PrivateRabbit {
        &mut self.nodes[number]
    }

    /// Creates a virtual host of a fresh name on all nodes; it can be asked about while any of them runs.
    ///
    /// # Errors
    /// No node runs, or not all of them do.
    pub async fn create_vhost(&self) -> Result<Vhost, ServerError> {
        let vhost = self.management.create_vhost().await?;
        let path = format!("/api/vhosts/{}", vhost.name());
        self.wait("a virtual host on all nodes", async || {
            let state = self.management.get(&path).await?["cluster_state"].clone();
            let down = self
                .nodes
                .iter()
                .map(PrivateRabbit::name)
                .find(|node| state[*node] != "running");
            if let Some(node) = down {
                // A node that had only just joined may have missed it.
                self.management.post(&format!("{path}/start/{node}")).await?;
            }
            Ok(down.map(|node| format!("{node} is without it: {state}")))
        })
        .await?;
        Ok(vhost)
    }

    /// The number of the node that leads a quorum queue, if one does.
    ///
    /// # Errors
    /// No node runs, or there is no such queue.
    pub async fn leader(&self, vhost: &Vhost, queue: &str) -> Result<Option<usize>, ServerError> {
        let queue = self
            .management
            .get(&format!("/api/queues/{}/{}", vhost.name(), encode(queue)))
            .await?;
        Ok(self.nodes.iter().position(|node| queue["leader"] == node.name()))
    }

    /// Waits until all nodes are there, and all members of each quorum queue: then the next one may go.
    ///
    /// # Errors
    /// That does not happen.
    pub async fn wait_whole(&self) -> Result<(), ServerError> {
        self.wait("a whole cluster", async || self.lacking().await).await
    }

    /// Waits until nothing is lacking any more.
    async fn wait(
        &self,
        what: &'static str,
        mut lacking: impl AsyncFnMut() -> Result<Option<String>, ServerError>,
    ) -> Result<(), ServerError> {
        let deadline = Instant::now() + WHOLE_DEADLINE;
        while let Some(lacking) = lacking().await.unwrap_or_else(|error| Some(error.to_string())) {
            if Instant::now() > deadline {
                return Err(ServerError::Cluster { what, lacking });
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// What is not as it should be, in words.
    async fn lacking(&self) -> Result<Option<String>, ServerError> {
        let nodes = self.management.get("/api/nodes").await?;
        let running = items(&nodes).filter(|node| node["running"] == true).count();
        if running != self.nodes.len() {
            return Ok(Some(format!("{running} of {} nodes run", self.nodes.len())));
        }
        let is_whole = |queue: &Value| items(&queue["online"]).count() == items(&queue["members"]).count();
        let part = self.quorum_queues().await?.into_iter().find(|queue| !is_whole(queue));
        Ok(part.map(|queue| format!("{} has only the members {}", queue["name"], queue["online"])))
    }

    /// How many members that quorum queue has that has the fewest; a queue gets one on each node at its declaration.
    ///
    /// # Errors
    /// No node runs.
    pub async fn fewest_members(&self) -> Result<usize, ServerError> {
        let members = |queue: &Value| items(&queue["members"]).count();
        Ok(self
            .quorum_queues()
            .await?
            .iter()
            .map(members)
            .min()
            .unwrap_or_default())
    }

    async fn quorum_queues(&self) -> Result<Vec<Value>, ServerError> {
        let queues = self.management.get("/api/queues").await?;
        Ok(items(&queues)
            .filter(|queue| queue["type"] == "quorum")
            .cloned()
            .collect())
    }
}

async fn start_port_mapper() -> Result<(Instance, u16), ServerError> {
    let [port] = ports::free_ports();
    let mut command = Programs::port_mapper()?.command(Account::Caller, "epmd");
    command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]);
    let mut instance = Instance::temporary("port-mapper")?;
    instance.launch(&mut command)?;
    let answers = async || {
        TcpStream::connect(("127.0.0.1", port))
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    instance.wait_ready(START_DEADLINE, answers).await?;
    Ok((instance, port))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
