//! One test's own place: virtual host, database, settings, certificate authority.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::thread;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use testkit::certificates::TestCa;
use testkit::servers::Vhost;
use testkit::shared_stack;
use tokio::process::Command;
use tokio::time::timeout;

use crate::program::binary;
use crate::{Api, Crm, DEADLINE, Database, Link, Program};

/// Base64 of 32 bytes; a key for tests only.
const SECRETS_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Where programs of one test run: nothing of it is shared with another test but the servers.
pub struct Site {
    /// Signs the certificates of receivers that senders of this site trust.
    pub ca: TestCa,
    vhost: Vhost,
    database_url: String,
    settings: BTreeMap<String, String>,
    /// Holds the authority's certificate.
    _directory: TempDir,
}

impl Site {
    /// An empty site on the servers that all tests share.
    ///
    /// # Errors
    /// The servers are down.
    pub async fn new() -> anyhow::Result<Self> {
        let servers = shared_stack().await;
        Self::on(servers.create_vhost().await?, servers.create_database().await?)
    }

    /// An empty site on this virtual host and in this database.
    ///
    /// # Errors
    /// There is no room for temporary files.
    pub fn on(vhost: Vhost, database_url: String) -> anyhow::Result<Self> {
        let (ca, directory) = (TestCa::new(), tempfile::tempdir()?);
        let ca_file = directory.path().join("ca.pem");
        fs::write(&ca_file, ca.pem())?;
        let settings = [
            ("WEBHOOKS_AMQP__URL", vhost.url()),
            ("WEBHOOKS_DATABASE__URL", &database_url),
            ("WEBHOOKS_SECRETS__KEY", SECRETS_KEY),
            ("WEBHOOKS_EGRESS__ALLOW_NETWORKS", "127.0.0.0/8"),
            ("WEBHOOKS_EGRESS__CA_FILE", &ca_file.display().to_string()),
            // Tests ask again and again until something has happened.
            ("WEBHOOKS_API__PER_MINUTE", "0"),
            ("WEBHOOKS_LOG__FORMAT", "json"),
        ];
        let settings = settings
            .map(|(variable, value)| (variable.to_owned(), value.to_owned()))
            .into();
        Ok(Self {
            ca,
            vhost,
            database_url,
            settings,
            _directory: directory,
        })
    }

    /// Sets an environment variable of all programs started from now on.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.settings.insert(variable.to_owned(), value.to_owned());
    }

    /// The virtual host.
    pub fn vhost(&self) -> &Vhost {
        &self.vhost
    }

    /// A way of its own to the broker, open; of a cluster to this node first.
    ///
    /// # Errors
    /// There is no port for it.
    pub async fn link_to_broker(&self, first: usize) -> anyhow::Result<Link> {
        let mut nodes = self.vhost.urls().to_vec();
        let first = first % nodes.len();
        nodes.rotate_left(first);
        let mut link = Link::among(&nodes)?;
        link.open().await?;
        Ok(link)
    }

    /// `postgres://…` of the database.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// A connection to the database.
    ///
    /// # Errors
    /// The database is down.
    pub async fn database(&self) -> anyhow::Result<Database> {
        Database::connect(&self.database_url).await
    }

    /// A CRM service's connection to the broker.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn crm(&self) -> anyhow::Result<Crm> {
        Crm::connect(self.vhost.url()).await
    }

    /// Starts `fanout serve` or `sender serve` and does not wait.
    ///
    /// # Errors
    /// The program is not built or cannot be run.
    pub fn launch(&self, name: &'static str) -> anyhow::Result<Program> {
        Program::start(name, self.environment())
    }

    /// Starts it like [`launch`](Self::launch), with a named pipe for standard output, which is not read.
    ///
    /// # Errors
    /// The program is not built or cannot be run.
    pub fn launch_unread(&self, name: &'static str, pipe: &Path) -> anyhow::Result<Program> {
        Program::start_unread(name, pipe, self.environment())
    }

    /// Starts a fanout and waits until it is ready.
    ///
    /// # Errors
    /// It does not become ready.
    pub async fn fanout(&self) -> anyhow::Result<Program> {
        self.ready("fanout").await
    }

    /// Starts a sender and waits until it is ready.
    ///
    /// # Errors
    /// It does not become ready.
    pub async fn sender(&self) -> anyhow::Result<Program> {
        self.ready("sender").await
    }

    async fn ready(&self, name: &'static str) -> anyhow::Result<Program> {
        let mut program = self.launch(name)?;
        program.wait_ready().await?;
        Ok(program)
    }

    /// Runs a command of `fanout` or `sender` to its end.
    ///
    /// # Errors
    /// It cannot be run, or does not end.
    pub async fn run(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(binary(name)?);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let ended = timeout(DEADLINE, command.output()).await;
        Ok(ended.with_context(|| format!("{name} {arguments:?} did not end"))??)
    }

    /// Runs `fanout migrate`.
    ///
    /// # Errors
    /// It fails.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        self.run_well("fanout", &["migrate"]).await?;
        Ok(testkit::check_transitions(self.database_url()).await?)
    }

    /// Makes an API token on the command line: the one line that the command prints.
    ///
    /// # Errors
    /// The command fails, or prints more or less than one line.
    pub async fn token(&self, account: &str, role: &str) -> anyhow::Result<String> {
        let printed = self
            .run_well("fanout", &["token", "create", "--account", account, "--role", role])
            .await?;
        match printed.lines().collect::<Vec<_>>()[..] {
            [token] => Ok(token.to_owned()),
            _ => bail!("a token stands alone on its line, not: {printed}"),
        }
    }

    /// The admin API of `fanout`, for an administrator of `account`.
    ///
    /// # Errors
    /// No token can be made.
    pub async fn api(&self, fanout: &Program, account: &str) -> anyhow::Result<Api> {
        Ok(Api::new(fanout.api_url(), &self.token(account, "admin").await?))
    }

    async fn run_well(&self, name: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(name, arguments).await?;
        let (said, complaint) = (
            String::from_utf8(output.stdout)?,
            String::from_utf8_lossy(&output.stderr),
        );
        ensure!(output.status.success(), "{name} {arguments:?} failed: {complaint}");
        Ok(said)
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.settings
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl Drop for Site {
    /// Takes its virtual host away: a dozen idle queues per test would slow the broker down for all that follow.
    fn drop(&mut self) {
        let vhost = self.vhost.clone();
        let deleting = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(vhost.delete()).map_err(std::io::Error::other)
        });
        // A broker that was killed has nothing to be cleared away.
        let _ = deleting.join();
    }
}
