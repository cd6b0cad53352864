//! An installation of the product for one measurement: a database of its own, webhooks of the receiver, and the programs
//! as they are deployed, in release builds, with their defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{AccountName, AddressPolicy, Conditions, EndpointUrl, Role, SigningSecret, WebhookId};
use rustls::RootCertStore;
use store::bearer::{Bearer, Who};
use store::webhooks::NewWebhook;
use store::{Database, SecretKey, SecretKeys};
use testkit::servers::free_ports;
use testkit::service::Service;
use uuid::Uuid;

use crate::event::event_type;
use crate::processes::peak_memory_bytes;
use crate::receiver::Conduct;
use crate::stage::Stage;

/// Where the receiver is; not a public network.
const LOOPBACK: &str = "127.0.0.0/8";

/// What the programs of one measurement share.
pub struct Installation {
    /// Its database, for the benchmark.
    pub database: Database,
    /// `postgres://…` of it.
    pub database_url: String,
    receiver: String,
    environment: Vec<(String, String)>,
}

/// A program that is ready.
pub struct Program {
    /// `fanout` or `sender`.
    pub name: &'static str,
    /// The process.
    pub service: Service,
    /// Its number.
    pub pid: u32,
    /// `http://host:port` of the admin API, where it is `fanout`.
    pub api: String,
}

impl Installation {
    /// An empty one on this virtual host of the broker.
    ///
    /// # Errors
    /// When the database server refuses.
    pub async fn create(stage: &Stage, amqp_url: &str) -> anyhow::Result<Self> {
        let database_url = stage.stack.create_database().await?;
        let database = database(&database_url, stage.stack.secrets_key())?;
        database.migrate().await?;
        let ca_file = testkit::dev_directory().join("bench/receiver.pem");
        std::fs::write(&ca_file, &stage.address.certificate)?;
        let environment = [
            ("WEBHOOKS_AMQP__URL", amqp_url),
            ("WEBHOOKS_DATABASE__URL", &database_url),
            ("WEBHOOKS_SECRETS__KEY", stage.stack.secrets_key()),
            ("WEBHOOKS_EGRESS__ALLOW_NETWORKS", LOOPBACK),
            ("WEBHOOKS_EGRESS__CA_FILE", &ca_file.display().to_string()),
            ("RUST_LOG", "warn"),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        Ok(Self {
            database,
            database_url,
            receiver: stage.address.url.clone(),
            environment,
        })
    }

    /// Gives the programs that are started from now on a setting.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Adds a webhook of the account that gets every event of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_webhook(&self, account: &AccountName, receiver: Conduct) -> anyhow::Result<WebhookId> {
        let policy = AddressPolicy::allowing(vec![LOOPBACK.parse()?]);
        let new = NewWebhook {
            name: format!("Benchmark {receiver}"),
            url: EndpointUrl::parse(&format!("{}/{receiver}", self.receiver), &policy)?,
            event_types: [event_type()].into_iter().collect(),
            conditions: Conditions::default(),
            secret: SigningSecret::generate(),
            description: String::new(),
            max_per_second: None,
        };
        let created = self.database.create_webhook(&admin(account), &new, i64::MAX).await?;
        Ok(created.context("there is no limit on webhooks")?.id)
    }

    /// Starts `fanout` or `sender` and waits until it is ready.
    ///
    /// # Errors
    /// When it is not built, or does not start.
    pub async fn start(&self, name: &'static str) -> anyhow::Result<Program> {
        let [http, telemetry] = free_ports().map(|port: u16| format!("127.0.0.1:{port}"));
        let mut environment = self.environment.clone();
        environment.push(("WEBHOOKS_HTTP__LISTEN".into(), http.clone()));
        environment.push(("WEBHOOKS_TELEMETRY__LISTEN".into(), telemetry.clone()));
        let mut service = Service::start(name, &executable(name)?, &["serve"], &environment)?;
        service.wait_ready(&format!("http://{telemetry}")).await?;
        let pid = service
            .pid()
            .context("a program that was just started has a process number")?;
        Ok(Program {
            name,
            service,
            pid,
            api: format!("http://{http}"),
        })
    }
}

/// Who changes something in a benchmark; no such token exists.
pub fn admin(account: &AccountName) -> Bearer {
    Bearer {
        who: Who::Token(Uuid::nil()),
        account: account.clone(),
        role: Role::Admin,
    }
}

/// The most memory ever held, in bytes: by program, of the process that held most.
pub fn peaks(programs: &[Program]) -> BTreeMap<&'static str, u64> {
    let mut peaks = BTreeMap::new();
    for program in programs {
        let peak: &mut u64 = peaks.entry(program.name).or_default();
        *peak = (*peak).max(peak_memory_bytes(program.pid));
    }
    peaks
}

/// A pool on the database, with the installation's key.
///
/// # Errors
/// When the URL or the key cannot be read.
pub fn database(url: &str, secrets_key: &str) -> anyhow::Result<Database> {
    let key: [u8; 32] = STANDARD
        .decode(secrets_key)?
        .try_into()
        .ok()
        .context("a key has 32 bytes")?;
    let keys = SecretKeys::new(SecretKey::new(&key), Vec::new());
    Ok(Database::new(&url.parse()?, 2, RootCertStore::empty(), keys))
}

/// The program that was built beside this one.
fn executable(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()
        .context("cannot find this program")?
        .with_file_name(name);
    ensure!(
        path.exists(),
        "{} is not there: build it with cargo build --release --bins",
        path.display()
    );
    Ok(path)
}
