//! Opens connections: to which servers, with which credentials, and with which session limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use runtime::RotatedUrl;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::connection::Connection;
use crate::database_url::DatabaseUrl;
use crate::error::StoreError;

/// Timeout for one server, sign-in included. The last one has the rest of the total.
const ONE_SERVER: Duration = Duration::from_secs(5);
/// The server's time limits for a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For one statement; zero for no limit.
    statement: Duration,
    /// For a lock; zero for no limit.
    lock: Duration,
}

impl Limits {
    /// Background work, which is retried.
    pub(crate) const WORK: Self = Self {
        statement: Duration::from_secs(30),
        lock: Duration::from_secs(5),
    };
    /// Requests of users, who get an error after 20 seconds.
    pub(crate) const REQUESTS: Self = Self {
        statement: Duration::from_secs(15),
        lock: Duration::from_secs(5),
    };
    /// Retention. A lock that cannot be acquired in time is tried again at the next run.
    pub(crate) const RETENTION: Self = Self {
        statement: Duration::from_secs(60),
        lock: Duration::from_secs(5),
    };
    /// An index of a large partition. It waits for transactions that are older than its build; nobody waits behind it.
    pub(crate) const INDEX_BUILD: Self = Self {
        statement: Duration::from_secs(3600),
        lock: Duration::from_secs(60),
    };
    /// Statements without limit; the migrations set one for locks.
    pub(crate) const MIGRATION: Self = Self {
        statement: Duration::ZERO,
        lock: Duration::ZERO,
    };

    /// Timeout for a response on our side: a fifth longer than the server's limit for a statement, which is preferable
    /// while the server lives; for requests shorter than users wait.
    pub(crate) fn patience(self) -> Option<Duration> {
        (!self.statement.is_zero()).then(|| self.statement + self.statement / 5)
    }

    /// Set after connecting: a pooler in between refuses the startup parameter `options`.
    ///
    /// A client that vanishes or freezes in a transaction must not keep its locks: the server ends an idle transaction,
    /// and detects by itself that the client is gone. Our transactions wait for nothing but the broker, and for that
    /// ten seconds at most.
    fn session(self) -> String {
        format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = '15s';
             SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
             SET tcp_user_timeout = '20s'",
            self.statement.as_millis(),
            self.lock.as_millis()
        )
    }
}

/// The servers and credentials, shared by every pool of the process.
pub(crate) struct Source {
    url: RotatedUrl<DatabaseUrl>,
    tls: MakeRustlsConnect,
}

impl Source {
    pub(crate) fn new(url: DatabaseUrl, file: Option<PathBuf>, tls: MakeRustlsConnect) -> Self {
        Self {
            url: RotatedUrl::new(url, file, "WEBHOOKS_DATABASE__URL_FILE"),
            tls,
        }
    }

    /// Timeout for a new connection.
    pub(crate) fn time_to_connect(&self) -> Duration {
        let servers = u32::try_from(self.url().servers().len()).unwrap_or(u32::MAX);
        ONE_SERVER.saturating_mul(servers)
    }

    /// A connection outside the pools, for long use. Its notifications go to `notifications`.
    pub(crate) async fn connect(
        &self,
        limits: Limits,
        notifications: Option<mpsc::Sender<String>>,
    ) -> Result<Connection, StoreError> {
        let opening = timeout(self.time_to_connect(), self.open(limits, notifications));
        let (client, driver) = opening
            .await
            .map_err(|elapsed| StoreError::Unavailable(Box::new(elapsed)))??;
        Ok(Connection::alone(ClientWrapper::new(client, driver), limits.patience()))
    }

    /// Refused credentials may have been replaced: then the new ones are tried at once.
    async fn open(
        &self,
        limits: Limits,
        notifications: Option<mpsc::Sender<String>>,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        match self.open_any(limits, notifications.clone()).await {
            Err(error) if refuses_credentials(&error) && self.url.read_again() => {
                info!("the database refused the credentials; new ones were read from WEBHOOKS_DATABASE__URL_FILE");
                self.open_any(limits, notifications).await
            }
            opened => opened,
        }
    }

    /// Connects to the first server that accepts us.
    async fn open_any(
        &self,
        limits: Limits,
        notifications: Option<mpsc::Sender<String>>,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        let url = self.url();
        let (last, others) = url.servers().split_last().expect("a URL names a server");
        for server in others {
            if let Ok(Ok(opened)) = timeout(ONE_SERVER, self.open_one(server, limits, notifications.clone())).await {
                return Ok(opened);
            }
        }
        self.open_one(last, limits, notifications).await
    }

    async fn open_one(
        &self,
        server: &Config,
        limits: Limits,
        notifications: Option<mpsc::Sender<String>>,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, connection) = server.connect(self.tls.clone()).await?;
        // Aborted with this future when it is dropped, and later with the client.
        let driver = AbortOnDropHandle::new(tokio::spawn(drive(connection, notifications)));
        client.batch_execute(&limits.session()).await?;
        Ok((client, driver.detach()))
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        self.url.url()
    }
}

/// A wrong password, or a role that may not log in (any more).
fn refuses_credentials(error: &Error) -> bool {
    error.code().is_some_and(|state| {
        [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        ]
        .contains(state)
    })
}

/// Drives the connection until it ends. While notifications are not consumed it reads nothing (backpressure).
async fn drive<T: TlsStream + Unpin>(
    mut connection: tokio_postgres::Connection<Socket, T>,
    notifications: Option<mpsc::Sender<String>>,
) {
    while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        if let (AsyncMessage::Notification(notification), Some(notifications)) = (message, &notifications)
            && notifications.send(notification.payload().to_owned()).await.is_err()
        {
            return;
        }
    }
}

/// Opens connections for a pool.
pub(crate) struct Opener {
    pub(crate) source: Arc<Source>,
    pub(crate) limits: Limits,
}

type Opening<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl deadpool_postgres::Connect for Opener {
    /// Ignores the pool's configuration: the URL may have been read again since.
    fn connect(&self, _: &Config) -> Opening<'_> {
        Box::pin(self.source.open(self.limits, None))
    }
}
