//! The connection pool.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::RootCertStore;
use tokio::sync::mpsc;
use tokio_postgres::Config;

use crate::clock::Clock;
use crate::connect::{Limits, Opener, Source};
use crate::connection::Connection;
use crate::database_url::DatabaseUrl;
use crate::error::StoreError;
use crate::secret_keys::SecretKeys;
use crate::settings::{DatabaseRootsError, DatabaseSettings};
use crate::tls;

/// Timeout for a free connection.
const WAIT: Duration = Duration::from_secs(5);
/// Maximum age of a connection: after a failover it may lead to a former primary without noticing.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// The database. Clones share one pool.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    source: Arc<Source>,
    limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) keys: Arc<SecretKeys>,
}

impl Database {
    /// The configured database; nothing is connected before the first use, so it may start later.
    ///
    /// # Errors
    /// When TLS is required and there is no root certificate.
    pub fn from_settings(settings: &DatabaseSettings, keys: SecretKeys) -> Result<Self, DatabaseRootsError> {
        let tls = tls::connector(settings.load_roots()?, settings.url.verification());
        let source = Source::new(settings.url.clone(), settings.url_file.clone(), tls);
        Ok(Self::over(Arc::new(source), settings.pool_size, keys))
    }

    /// The same with exactly these root certificates.
    pub fn new(url: &DatabaseUrl, pool_size: usize, roots: RootCertStore, keys: SecretKeys) -> Self {
        let tls = tls::connector(roots, url.verification());
        Self::over(Arc::new(Source::new(url.clone(), None, tls)), pool_size, keys)
    }

    fn over(source: Arc<Source>, pool_size: usize, keys: SecretKeys) -> Self {
        let pool = pool(&source, pool_size, Limits::WORK);
        Self {
            pool,
            source,
            limits: Limits::WORK,
            clock: Clock::default(),
            keys: Arc::new(keys),
        }
    }

    /// The same database with a separate pool of the same size, for requests of users: however many of them are slow,
    /// background work keeps its connections.
    #[must_use]
    pub fn for_requests(&self) -> Self {
        let pool = pool(&self.source, self.pool_size(), Limits::REQUESTS);
        Self {
            pool,
            limits: Limits::REQUESTS,
            ..self.clone()
        }
    }

    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        Ok(Connection::pooled(self.pool.get().await?, self.limits.patience()))
    }

    /// A connection outside the pool, for long use.
    pub(crate) async fn connection_apart(&self, limits: Limits) -> Result<Connection, StoreError> {
        self.source.connect(limits, None).await
    }

    /// A connection outside the pool that passes on notifications.
    pub(crate) async fn listening_connection(
        &self,
        notifications: mpsc::Sender<String>,
    ) -> Result<Connection, StoreError> {
        self.source.connect(Limits::WORK, Some(notifications)).await
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        self.source.url()
    }

    pub(crate) fn pool_size(&self) -> usize {
        self.pool.status().max_size
    }

    /// Numbers of connections in use and idle.
    pub(crate) fn pool_usage(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size.saturating_sub(status.available), status.available)
    }
}

fn pool(source: &Arc<Source>, size: usize, limits: Limits) -> Pool {
    let timeouts = Timeouts {
        wait: Some(WAIT),
        create: Some(source.time_to_connect()),
        recycle: Some(WAIT),
    };
    let opener = Opener {
        source: Arc::clone(source),
        limits,
    };
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let young = Hook::sync_fn(|_, metrics| match metrics.age() {
        age if age < MAX_AGE => Ok(()),
        _ => Err(HookError::message("old")),
    });
    // The opener has the configuration.
    Pool::builder(Manager::from_connect(Config::new(), opener, recycling))
        .max_size(size)
        .timeouts(timeouts)
        .pre_recycle(young)
        .runtime(Runtime::Tokio1)
        .build()
        .expect("a pool with timeouts needs a runtime, and has one")
}
