//! The product: `fanout` and `sender` as they are deployed, in release builds, with their defaults.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use broker::topology;
use domain::{AccountName, AddressPolicy, EndpointUrl, SigningSecret};
use rustls::RootCertStore;
use store::webhooks::NewWebhook;
use store::{Database, SecretKey, SecretKeys};
use testkit::servers::free_ports;
use testkit::service::Service;

use crate::event::event_type;
use crate::pipeline::{DeliveryLog, Hop, Pipeline, Running};
use crate::settings::Settings;
use crate::stage::Stage;

/// Tenant of all webhooks.
pub const ACCOUNT: &str = "bench";

/// Where the receiver is; not a public network.
const LOOPBACK: &str = "127.0.0.0/8";

/// Starts the product; each event matches `webhooks` webhooks of the receiver.
///
/// # Errors
/// When the programs are not built, or something does not start.
pub async fn start(stage: &Stage, settings: &Settings, webhooks: u32) -> anyhow::Result<Pipeline> {
    let database_url = stage.stack.create_database().await?;
    let database = database(&database_url, stage.stack.secrets_key())?;
    database.migrate().await?;
    create_webhooks(&database, &stage.address.url, webhooks).await?;
    let ca_file = testkit::dev_directory().join("bench/receiver.pem");
    std::fs::write(&ca_file, &stage.address.certificate)?;
    let environment = environment(stage, &database_url, &ca_file);
    let log = DeliveryLog { database_url, count: "SELECT count(*) FROM deliveries WHERE state = 'delivered'" };
    let mut pipeline = Pipeline::new(topology::EVENTS_EXCHANGE, log);
    for (hop, name, instances) in [(Hop::First, "fanout", 1), (Hop::Second, "sender", settings.senders)] {
        for _ in 0..instances {
            let service = start_program(name, environment.clone()).await?;
            let pid = service.pid().context("a program that was just started has a process number")?;
            pipeline.add(hop, pid, Running::Service(service));
        }
    }
    Ok(pipeline)
}

/// A pool on the database, with the installation's key.
///
/// # Errors
/// When the URL or the key cannot be read.
pub fn database(url: &str, secrets_key: &str) -> anyhow::Result<Database> {
    let key: [u8; 32] = STANDARD.decode(secrets_key)?.try_into().ok().context("a key has 32 bytes")?;
    let keys = SecretKeys::new(SecretKey::new(&key), Vec::new());
    Ok(Database::new(&url.parse()?, 2, RootCertStore::empty(), keys))
}

async fn create_webhooks(database: &Database, receiver: &str, webhooks: u32) -> anyhow::Result<()> {
    let policy = AddressPolicy::allowing(vec![LOOPBACK.parse()?]);
    for number in 0..webhooks {
        let new = NewWebhook {
            name: format!("Benchmark {number}"),
            url: EndpointUrl::parse(&format!("{receiver}/{number}"), &policy)?,
            event_types: [event_type()].into_iter().collect(),
            secret: SigningSecret::generate(),
        };
        let account: AccountName = ACCOUNT.parse()?;
        database.create_webhook(&account, &new, i64::MAX).await?.context("there is no limit on webhooks")?;
    }
    Ok(())
}

fn environment(stage: &Stage, database_url: &str, ca_file: &Path) -> Vec<(String, String)> {
    [
        ("WEBHOOKS_AMQP__URL", stage.stack.amqp_url()),
        ("WEBHOOKS_DATABASE__URL", database_url),
        ("WEBHOOKS_SECRETS__KEY", stage.stack.secrets_key()),
        ("WEBHOOKS_EGRESS__ALLOW_NETWORKS", LOOPBACK),
        ("WEBHOOKS_EGRESS__CA_FILE", &ca_file.display().to_string()),
        ("RUST_LOG", "warn"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn start_program(name: &'static str, mut environment: Vec<(String, String)>) -> anyhow::Result<Service> {
    let [http, telemetry] = free_ports().map(|port: u16| format!("127.0.0.1:{port}"));
    environment.push(("WEBHOOKS_HTTP__LISTEN".into(), http));
    environment.push(("WEBHOOKS_TELEMETRY__LISTEN".into(), telemetry.clone()));
    let mut service = Service::start(name, &program(name)?, &["serve"], &environment)?;
    service.wait_ready(&format!("http://{telemetry}")).await?;
    Ok(service)
}

/// The program that was built beside this one.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("cannot find this program")?.with_file_name(name);
    ensure!(path.exists(), "{} is not there: build it with cargo build --release --bins", path.display());
    Ok(path)
}
