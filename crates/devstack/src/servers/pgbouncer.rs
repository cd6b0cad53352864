//! A private PgBouncer before a database.

use std::fs;

use super::error::AtPath as _;
use super::instance::{Instance, START_DEADLINE};
use super::packages::Programs;
use super::{ServerError, database, ports, storage};
use url::Url;

/// For how long a client keeps a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as it is connected.
    Session,
    /// For one transaction.
    Transaction,
}

/// A pooler for one test, with the defaults of its package but for the mode. Dies with the handle.
#[derive(Debug)]
pub struct PrivatePgbouncer {
    _instance: Instance,
    url: String,
}

impl PrivatePgbouncer {
    /// Starts one before the database at `database_url`.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn start(database_url: &str, mode: PoolMode) -> Result<Self, ServerError> {
        let programs = Programs::pgbouncer()?;
        // It does not run as root.
        let account = programs.unprivileged_account()?;
        let mut instance = Instance::temporary("pgbouncer")?;
        let data = storage::open(instance.directory(), account)?;
        let [port] = ports::free_ports();
        let file = data.join("pgbouncer.ini");
        fs::write(&file, configuration(database_url, mode, port)).at(&file)?;
        account.own(&file)?;
        instance.launch(programs.command(account, "pgbouncer").arg(&file))?;
        let mut url = Url::parse(database_url).expect("a database's URL is one");
        url.set_port(Some(port)).expect("it has a host");
        let url = String::from(url);
        let answers = async || {
            database::connect(&url)
                .await
                .map(drop)
                .map_err(|error| format!("{error:?}"))
        };
        instance.wait_ready(START_DEADLINE, answers).await?;
        Ok(Self {
            _instance: instance,
            url,
        })
    }

    /// The database's URL by way of it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn configuration(database_url: &str, mode: PoolMode, port: u16) -> String {
    let server = Url::parse(database_url).expect("a database's URL is one");
    let host = server.host_str().unwrap_or_default();
    let server_port = server.port().unwrap_or(5432);
    let user = server.username();
    let password = server.password().unwrap_or_default();
    let mode = match mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
    };
    format!(
        "[databases]\n* = host={host} port={server_port} user={user} password={password}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = {mode}\n"
    )
}
