//! The pool of connections.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use runtime::settings::RootsError;
use runtime::{Settings, UsageError};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;
use crate::secret_keys::{SecretKey, SecretKeys};

/// Longest wait for a connection, whether a free one or a new one.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// The server gives up a statement after this; a dropped future does not stop one.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// The same where somebody waits for an answer, who is told after 20 seconds that there is none.
const REQUEST_STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// Where the database is, with its credentials; shown without them.
#[derive(Clone)]
pub struct DatabaseUrl(Config);

/// A text that is no PostgreSQL URL. It does not quote the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a PostgreSQL URL of the form postgres://user:password@host:port/database")]
pub struct InvalidUrl;

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let mut config: Config = text.parse().map_err(|_| InvalidUrl)?;
        config.connect_timeout(CONNECTION_TIMEOUT);
        config.keepalives_idle(Duration::from_secs(10));
        if config.get_application_name().is_none() {
            config.application_name("easycrm-webhooks");
        }
        Ok(Self(config))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.0.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(host)) => host.as_str(),
            _ => "local socket",
        };
        write!(f, "{host}/{}", self.0.get_dbname().unwrap_or_default())
    }
}

/// Why the settings lead to no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseSettingsError {
    /// The URL.
    #[error(transparent)]
    Url(#[from] UsageError),
    /// The certificates.
    #[error(transparent)]
    Roots(#[from] RootsError),
}

/// The database. Clones share one pool.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    config: Config,
    tls: MakeRustlsConnect,
    pub(crate) keys: Arc<SecretKeys>,
}

impl Database {
    /// The database that the settings name; nothing is connected yet.
    ///
    /// # Errors
    /// When the URL cannot be read, or the system has no root certificates.
    pub fn from_settings(settings: &Settings) -> Result<Self, DatabaseSettingsError> {
        let url = settings.database.url.expose().parse();
        let url = url.map_err(|e: InvalidUrl| UsageError(format!("WEBHOOKS_DATABASE__URL is {e}")))?;
        let previous = settings.secrets.previous_keys.iter().map(|key| SecretKey::new(key.expose())).collect();
        let keys = SecretKeys::new(SecretKey::new(settings.secrets.key.expose()), previous);
        Ok(Self::new(&url, settings.database.pool_size, settings.egress.load_roots()?, keys))
    }

    /// Prepares a pool; nothing is connected before the first use, so the database may come later.
    pub fn new(url: &DatabaseUrl, pool_size: usize, roots: RootCertStore, keys: SecretKeys) -> Self {
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let tls = MakeRustlsConnect::new(tls);
        let pool = pool(&url.0, &tls, pool_size, STATEMENT_TIMEOUT);
        Self { pool, config: url.0.clone(), tls, keys: Arc::new(keys) }
    }

    /// The same database with a pool of its own, as large, for requests that people wait for: however many of them are
    /// slow, the rest of the process keeps its connections.
    #[must_use]
    pub fn for_requests(&self) -> Self {
        let pool = pool(&self.config, &self.tls, self.pool_size(), REQUEST_STATEMENT_TIMEOUT);
        Self { pool, ..self.clone() }
    }

    pub(crate) async fn connection(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// A connection outside the pool, for what must keep one: listening, and migrations without a statement timeout.
    pub(crate) fn dedicated(&self) -> (Config, MakeRustlsConnect) {
        (self.config.clone(), self.tls.clone())
    }

    pub(crate) fn pool_size(&self) -> usize {
        self.pool.status().max_size
    }

    /// Connections in use and connections idle.
    pub(crate) fn pool_usage(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size.saturating_sub(status.available), status.available)
    }
}

fn pool(config: &Config, tls: &MakeRustlsConnect, size: usize, statement_timeout: Duration) -> Pool {
    let mut pooled = config.clone();
    let given = config.get_options().unwrap_or_default();
    pooled.options(format!("-c statement_timeout={} {given}", statement_timeout.as_millis()));
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let timeout = Some(CONNECTION_TIMEOUT);
    Pool::builder(Manager::from_config(pooled, tls.clone(), recycling))
        .max_size(size)
        .timeouts(Timeouts { wait: timeout, create: timeout, recycle: timeout })
        .runtime(Runtime::Tokio1)
        .build()
        .expect("a pool with timeouts needs a runtime, and has one")
}
