//! PostgreSQL and RabbitMQ together: for development (`make dev`), for the demo, and shared by all tests of a run.

mod environment;
pub mod install;
mod shared;

use std::path::Path;

use crate::servers::{
    Durability, Family, Instance, Lifetime, Management, PrivatePostgres, PrivateRabbit, ServerError, Vhost,
    create_database, create_directory, open_lock,
};
use environment::Given;
pub use shared::{shared_stack, start_for_tests, tests_directory};

/// The database that programs of the development stack use.
const DATABASE: &str = "webhooks";

/// A running PostgreSQL and RabbitMQ, private or given by the environment.
#[derive(Debug)]
pub struct Stack {
    amqp_url: String,
    database_url: String,
    secrets_key: String,
    management_url: Option<String>,
    management: Management,
    /// Private servers end, or may end, with these.
    servers: (Option<PrivatePostgres>, Option<PrivateRabbit>),
}

impl Stack {
    /// Starts what is not running yet below `directory` and writes its addresses to `<directory>/env`.
    ///
    /// A server that `WEBHOOKS_DATABASE__URL` or `WEBHOOKS_AMQP__URL` names is used instead of a private one. Of several
    /// processes that call this at once, one starts the servers and the others find them.
    ///
    /// # Errors
    /// A server is not installed or does not start, or a given one has an unusable address.
    pub async fn up(directory: &Path, lifetime: Lifetime, durability: Durability) -> Result<Self, ServerError> {
        Self::start(directory, Given::by_environment(), lifetime, durability).await
    }

    /// Like [`Stack::up`], but with private servers whatever the environment names.
    ///
    /// # Errors
    /// A server is not installed or does not start.
    pub async fn up_private(directory: &Path, lifetime: Lifetime, durability: Durability) -> Result<Self, ServerError> {
        Self::start(directory, Given::default(), lifetime, durability).await
    }

    async fn start(
        directory: &Path,
        given: Given,
        lifetime: Lifetime,
        durability: Durability,
    ) -> Result<Self, ServerError> {
        let directory = create_directory(directory)?;
        let lock = lock(&directory).await?;
        let (database, broker) = tokio::try_join!(
            database(&directory, &given, lifetime.clone(), durability),
            broker(&directory, &given, lifetime)
        )?;
        let (database_url, postgres) = database;
        let (amqp_url, management_url, rabbit) = broker;
        let management = environment::management(&amqp_url, management_url.as_deref())?;
        let secrets_key = environment::secrets_key(&directory, given.secrets_key);
        let started = Given {
            amqp_url: Some(amqp_url.clone()),
            database_url: Some(database_url.clone()),
            secrets_key: Some(secrets_key.clone()),
            management_url: management_url.clone(),
        };
        environment::write(&directory, &started)?;
        drop(lock);
        Ok(Self {
            amqp_url,
            database_url,
            secrets_key,
            management_url,
            management,
            servers: (postgres, rabbit),
        })
    }

    /// Ends the servers in order that would end with this handle; others stay.
    ///
    /// # Errors
    /// Processes survive even SIGKILL.
    pub async fn end(mut self) -> Result<(), ServerError> {
        let (postgres, rabbit) = &mut self.servers;
        let postgres = async { end(postgres.as_mut().map(PrivatePostgres::instance_mut)).await };
        let rabbit = async { end(rabbit.as_mut().map(PrivateRabbit::instance_mut)).await };
        tokio::try_join!(postgres, rabbit).map(drop)
    }

    /// `amqp://…` of the broker.
    pub fn amqp_url(&self) -> &str {
        &self.amqp_url
    }

    /// `postgres://…` of the database.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Base64 of 32 bytes, the same at every start (`WEBHOOKS_SECRETS__KEY`).
    pub fn secrets_key(&self) -> &str {
        &self.secrets_key
    }

    /// `http://user:password@host:port` of the broker's management interface, where known.
    pub fn management_url(&self) -> Option<&str> {
        self.management_url.as_deref()
    }

    /// Creates an empty database of a fresh name and returns its URL.
    ///
    /// # Errors
    /// The server is down.
    pub async fn create_database(&self) -> Result<String, ServerError> {
        create_database(&self.database_url).await
    }

    /// Creates a virtual host of a fresh name.
    ///
    /// # Errors
    /// The broker is down, or its management interface cannot be reached.
    pub async fn create_vhost(&self) -> Result<Vhost, ServerError> {
        self.management.create_vhost().await
    }
}

async fn end(instance: Option<&mut Instance>) -> Result<(), ServerError> {
    match instance {
        Some(instance) if instance.ends_with_owner() => instance.stop().await,
        _ => Ok(()),
    }
}

/// Ends everything that was started below `directory`: programs first, then servers; data stay.
///
/// # Errors
/// Processes survive even SIGKILL.
pub fn down(directory: &Path) -> Result<(), ServerError> {
    match directory.canonicalize() {
        Ok(directory) => Family::of(&directory).end(),
        // Nothing was ever started.
        Err(_) => Ok(()),
    }
}

/// Which of the private servers of `directory` are running.
pub fn status(directory: &Path) -> [(&'static str, bool); 2] {
    let is_running = |name: &str| {
        let directory = directory.join(name).canonicalize();
        directory.is_ok_and(|directory| Family::of(&directory).is_alive())
    };
    [("PostgreSQL", is_running(POSTGRES)), ("RabbitMQ", is_running(RABBITMQ))]
}

const POSTGRES: &str = "postgres";
const RABBITMQ: &str = "rabbitmq";

/// Waits for other processes that are starting the same servers.
async fn lock(directory: &Path) -> Result<std::fs::File, ServerError> {
    let path = directory.join("lock");
    let file = open_lock(&path)?;
    let locking = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    let locked = locking.await.expect("locking a file does not panic");
    locked.map_err(|source| ServerError::File { path, source })
}

async fn database(
    directory: &Path,
    given: &Given,
    lifetime: Lifetime,
    durability: Durability,
) -> Result<(String, Option<PrivatePostgres>), ServerError> {
    if let Some(url) = &given.database_url {
        return Ok((url.clone(), None));
    }
    let instance = Instance::at("PostgreSQL", &directory.join(POSTGRES), lifetime)?;
    let server = PrivatePostgres::open(instance, durability).await?;
    Ok((server.ensure_database(DATABASE).await?, Some(server)))
}

async fn broker(
    directory: &Path,
    given: &Given,
    lifetime: Lifetime,
) -> Result<(String, Option<String>, Option<PrivateRabbit>), ServerError> {
    if let Some(url) = &given.amqp_url {
        return Ok((url.clone(), given.management_url.clone(), None));
    }
    let instance = Instance::at("RabbitMQ", &directory.join(RABBITMQ), lifetime)?;
    let node = PrivateRabbit::open(instance).await?;
    Ok((node.url().to_owned(), Some(node.management_url()), Some(node)))
}
