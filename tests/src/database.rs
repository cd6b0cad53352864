//! Looking into the database, for what the admin API shows only page by page or not at all.

use std::collections::BTreeMap;

use tokio_postgres::{Client, NoTls, Row};

/// Deliveries by state.
const STATES: &str = "SELECT state, count(*) FROM deliveries GROUP BY state";
/// The programs' connections that wait for changes of webhooks: they do nothing else.
const END_LISTENERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
    AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN %' OR query LIKE '%webhook_change_number')";

/// A connection to a test's database.
pub struct Database(Client);

impl Database {
    /// A connection to the database of this URL.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // Its error also reaches the next statement.
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// How many deliveries are in which state.
    ///
    /// # Errors
    /// The database is down.
    pub async fn deliveries_by_state(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        let rows = self.0.query(STATES, &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Ends the programs' listening connections; gives how many there were.
    ///
    /// # Errors
    /// The database is down.
    pub async fn terminate_listeners(&self) -> anyhow::Result<usize> {
        Ok(self.0.query(END_LISTENERS, &[]).await?.len())
    }

    /// The rows of a query without parameters.
    ///
    /// # Errors
    /// The database is down or refuses.
    pub async fn query(&self, query: &str) -> anyhow::Result<Vec<Row>> {
        Ok(self.0.query(query, &[]).await?)
    }

    /// The number that a query gives.
    ///
    /// # Errors
    /// The database is down or refuses.
    pub async fn count(&self, query: &str) -> anyhow::Result<i64> {
        Ok(self.0.query_one(query, &[]).await?.get(0))
    }

    /// Executes a statement without parameters.
    ///
    /// # Errors
    /// The database is down or refuses.
    pub async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        Ok(self.0.batch_execute(statement).await?)
    }
}
