//! A private PostgreSQL server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::error::AtPath as _;
use super::instance::{Instance, START_DEADLINE};
use super::lifetime::Lifetime;
use super::packages::Programs;
use super::process::MARK_ARGUMENT;
use super::{ServerError, database, ports, record, storage};
use crate::certificates::ServerIdentity;
use crate::wait;

/// The database role, owner of everything on the server.
const USER: &str = "webhooks";
/// How often a lost race for a port is run again.
const PORT_ATTEMPTS: usize = 3;

/// What committed data survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut, as in production (`fsync=on`).
    PowerLoss,
    /// The death of every process, SIGKILL included, but not of the machine (`fsync=off`): all that a test can cause.
    ProcessDeath,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    port: u16,
    password: String,
}

/// A private PostgreSQL server on a free loopback port.
#[derive(Debug)]
pub struct PrivatePostgres {
    instance: Instance,
    programs: Programs,
    account: Account,
    data: PathBuf,
    durability: Durability,
    record: Record,
    url: String,
}

impl PrivatePostgres {
    /// Starts a server on `directory`, initialising it when empty; it dies with the handle, the data stay.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn start(directory: &Path, durability: Durability) -> Result<Self, ServerError> {
        Self::open(Instance::at("PostgreSQL", directory, Lifetime::Owner)?, durability).await
    }

    /// Starts a server for one test on a directory that goes with it.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn temporary() -> Result<Self, ServerError> {
        Self::open(Instance::temporary("postgres")?, Durability::ProcessDeath).await
    }

    /// Starts the server of `instance`, or finds it running.
    pub(crate) async fn open(instance: Instance, durability: Durability) -> Result<Self, ServerError> {
        let programs = Programs::postgres()?;
        let account = programs.unprivileged_account()?;
        let data = storage::open(instance.directory(), account)?;
        let record = match record::load(instance.directory()) {
            Some(record) => record,
            None => initialise(&programs, account, instance.directory(), &data)?,
        };
        let url = url_of(&record);
        let mut server = Self {
            instance,
            programs,
            account,
            data,
            durability,
            record,
            url,
        };
        if server.instance.is_running() && answers(&server.url, &server.data).await.is_ok() {
            server.instance.adopt();
        } else {
            server.launch(true).await?;
        }
        Ok(server)
    }

    /// Starts the processes; `may_move` allows another port when the recorded one has been lost.
    async fn launch(&mut self, may_move: bool) -> Result<(), ServerError> {
        for _ in 0..PORT_ATTEMPTS {
            self.instance.kill_nine()?;
            self.settle_port(may_move).await?;
            self.remove_stale_lock()?;
            self.instance.launch(&mut self.command())?;
            let url = self.url.clone();
            let data = self.data.clone();
            match self
                .instance
                .wait_ready(START_DEADLINE, async || answers(&url, &data).await)
                .await
            {
                Err(ServerError::Start { .. }) if !ports::is_free(self.record.port) && !self.instance.is_running() => {}
                outcome => return outcome,
            }
        }
        Err(ServerError::PortTaken(self.record.port))
    }

    /// Makes sure that the port is free: by waiting a little, or by moving to another one.
    async fn settle_port(&mut self, may_move: bool) -> Result<(), ServerError> {
        let port = self.record.port;
        if ports::is_free(port) {
            return Ok(());
        }
        if may_move {
            [self.record.port] = ports::free_ports();
            self.url = url_of(&self.record);
            return record::save(self.instance.directory(), &self.record);
        }
        let freed = wait::until(Duration::from_secs(10), "the port", async || ports::is_free(port)).await;
        freed.map_err(|_| ServerError::PortTaken(port))
    }

    /// PostgreSQL does not start when the process number in its lock file is in use, even by a stranger after a reboot.
    /// No process of this server is alive here, so the file says nothing.
    fn remove_stale_lock(&self) -> Result<(), ServerError> {
        let lock = self.data.join("cluster/postmaster.pid");
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at(&lock),
            _ => Ok(()),
        }
    }

    fn command(&self) -> Command {
        let fsync = if self.durability == Durability::PowerLoss {
            "on"
        } else {
            "off"
        };
        let mut command = self.programs.command(self.account, "postgres");
        command.arg("-D").arg(self.data.join("cluster"));
        let port = self.record.port.to_string();
        let directory = self.instance.directory().display().to_string();
        for (name, value) in [
            ("listen_addresses", "127.0.0.1"),
            ("port", &port),
            // A socket's path may have 107 bytes (unix(7)); a checkout's path may be longer.
            ("unix_socket_directories", ""),
            ("fsync", fsync),
            // Many tests at once, each with a pool of its own.
            ("max_connections", "300"),
            ("timezone", "UTC"),
            ("jit", "off"),
            (MARK_ARGUMENT, &directory),
        ] {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
    }

    /// `postgres://…` of the maintenance database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's directory and log.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    pub(crate) fn instance_mut(&mut self) -> &mut Instance {
        &mut self.instance
    }

    /// Creates an empty database of a fresh name and returns its URL.
    ///
    /// # Errors
    /// The server is down.
    pub async fn create_database(&self) -> Result<String, ServerError> {
        database::create_database(&self.url).await
    }

    /// Creates the database `name` where missing and returns its URL.
    pub(crate) async fn ensure_database(&self, name: &str) -> Result<String, ServerError> {
        database::ensure_database(&self.url, name).await
    }

    /// Accepts TLS from now on, with this certificate; connections without TLS as before.
    ///
    /// # Errors
    /// The server is down.
    pub async fn serve_tls(&self, identity: &ServerIdentity) -> Result<(), ServerError> {
        let cluster = self.data.join("cluster");
        for (name, pem) in [("server.crt", identity.chain_pem()), ("server.key", identity.key_pem())] {
            let file = cluster.join(name);
            record::write_private(&file, pem.as_bytes())?;
            self.account.own(&file)?;
        }
        let server = database::connect(&self.url).await?;
        server.batch_execute("ALTER SYSTEM SET ssl = on").await?;
        server.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    }

    /// Ends it in order; its connections are closed, committed data stay.
    ///
    /// # Errors
    /// Processes survive even SIGKILL.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.instance.stop().await
    }

    /// SIGKILL to every process of it at once; returns when none is left.
    ///
    /// # Errors
    /// Processes survive even that.
    pub async fn kill_nine(&mut self) -> Result<(), ServerError> {
        self.instance.kill_nine()
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill_nine`](Self::kill_nine), on the same port and data.
    ///
    /// # Errors
    /// It does not start, or its port has been taken meanwhile.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        self.launch(false).await
    }
}

fn url_of(record: &Record) -> String {
    format!(
        "postgres://{USER}:{}@127.0.0.1:{}/postgres",
        record.password, record.port
    )
}

/// Whether the server at `url` takes the password and works on `data`: on a port lost to another server neither is so.
async fn answers(url: &str, data: &Path) -> Result<(), String> {
    let ask = async {
        let server = database::connect(url).await?;
        let row = server
            .query_one("SELECT current_setting('data_directory')", &[])
            .await?;
        Ok::<String, ServerError>(row.get(0))
    };
    match ask.await {
        Ok(directory) if Path::new(&directory) == data.join("cluster") => Ok(()),
        Ok(directory) => Err(format!("another server answers, with data in {directory}")),
        Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
    }
}

/// Creates the database cluster with a random password.
///
/// `initdb` works on a draft that is renamed when complete, so that an interrupted one leaves nothing half made.
fn initialise(programs: &Programs, account: Account, directory: &Path, data: &Path) -> Result<Record, ServerError> {
    let [port] = ports::free_ports();
    let password = u128::from_ne_bytes(ports::random_bytes());
    let created = Record {
        port,
        password: format!("{password:032x}"),
    };
    let draft = data.join("cluster.new");
    let password_file = data.join("password");
    if draft.exists() {
        fs::remove_dir_all(&draft).at(&draft)?;
    }
    record::write_private(&password_file, created.password.as_bytes())?;
    account.own(&password_file)?;
    run_initdb(programs, account, &draft, &password_file)?;
    fs::remove_file(&password_file).at(&password_file)?;
    let cluster = data.join("cluster");
    if cluster.exists() {
        fs::remove_dir_all(&cluster).at(&cluster)?;
    }
    fs::rename(&draft, &cluster).at(&cluster)?;
    record::save(directory, &created)?;
    Ok(created)
}

fn run_initdb(programs: &Programs, account: Account, cluster: &Path, password: &Path) -> Result<(), ServerError> {
    let mut initdb = programs.command(account, "initdb");
    initdb.args([
        "--username",
        USER,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-instructions",
    ]);
    initdb.arg("--pgdata").arg(cluster).arg("--pwfile").arg(password);
    let failed = |detail: String| ServerError::Program {
        program: "initdb".into(),
        detail,
    };
    let output = initdb
        .current_dir("/")
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
