//! A running way from an exchange to POSTs: the product or the bare crates.

use anyhow::ensure;
use testkit::service::Service;
use tokio_postgres::NoTls;

use crate::part::Part;

/// Which hop a process makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop {
    /// From events to deliveries.
    First,
    /// From deliveries to POSTs.
    Second,
}

/// A running process of a pipeline.
pub enum Running {
    /// A program of the product.
    Service(Service),
    /// A part of the benchmark.
    Part(Part),
}

/// Where a pipeline writes what it delivered.
pub struct DeliveryLog {
    /// The database.
    pub database_url: String,
    /// Counts successful deliveries.
    pub count: &'static str,
}

/// Both hops of one side. Dropping it kills them.
pub struct Pipeline {
    /// Where its events are published.
    pub exchange: &'static str,
    log: DeliveryLog,
    processes: Vec<(Hop, u32)>,
    running: Vec<Running>,
}

impl Pipeline {
    /// With no processes yet.
    pub fn new(exchange: &'static str, log: DeliveryLog) -> Self {
        Self {
            exchange,
            log,
            processes: Vec::new(),
            running: Vec::new(),
        }
    }

    /// Adds a process that was started.
    pub fn add(&mut self, hop: Hop, pid: u32, running: Running) {
        self.processes.push((hop, pid));
        self.running.push(running);
    }

    /// The process numbers of a hop.
    pub fn pids(&self, hop: Hop) -> impl Iterator<Item = u32> {
        self.processes
            .iter()
            .filter(move |(of, _)| *of == hop)
            .map(|(_, pid)| *pid)
    }

    /// Checks that it wrote a row for every delivery it was given, and no other.
    ///
    /// # Errors
    /// When it did not.
    pub async fn check_log(&self, deliveries: u64) -> anyhow::Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.log.database_url, NoTls).await?;
        // Its error also reaches the query.
        tokio::spawn(connection);
        let rows: i64 = client.query_one(self.log.count, &[]).await?.get(0);
        ensure!(
            u64::try_from(rows) == Ok(deliveries),
            "{rows} rows were written for {deliveries} deliveries"
        );
        Ok(())
    }

    /// Ends all its processes, in order where they know how.
    ///
    /// # Errors
    /// When one cannot be ended.
    pub async fn stop(self) -> anyhow::Result<()> {
        for running in self.running {
            match running {
                Running::Service(mut service) => drop(service.stop().await?),
                Running::Part(part) => part.stop().await?,
            }
        }
        Ok(())
    }
}
