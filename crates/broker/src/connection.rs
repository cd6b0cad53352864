//! Opening a connection to RabbitMQ.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use runtime::{Program, Settings, UsageError};

/// Longest wait for a connection to open, TCP, TLS and AMQP handshakes together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// lapin sets aside 64 frames per connection: 8 MiB at the broker's default of 128 KiB, 2 MiB at this size. RabbitMQ from
/// 4.1 asks for 8 KiB at least.
const FRAME_MAX_BYTES: u32 = 32 * 1024;
/// A silent peer is noticed after two of these.
const HEARTBEAT_SECONDS: u16 = 10;

/// Where the broker is, with its credentials: shown with the password hidden.
#[derive(Clone)]
pub struct BrokerUrl(AMQPUri);

/// A text that is no AMQP URL. It does not quote the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an AMQP URL of the form amqp://user:password@host:port/vhost")]
pub struct InvalidUrl;

impl std::str::FromStr for BrokerUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let mut uri: AMQPUri = text.parse().map_err(|_| InvalidUrl)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        uri.query.frame_max.get_or_insert(FRAME_MAX_BYTES);
        Ok(Self(uri))
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.0.authority;
        write!(f, "{}:{}/{}", authority.host, authority.port, self.0.vhost)
    }
}

/// Opens connections of one process, all under the process' name.
#[derive(Debug, Clone)]
pub struct Connector {
    url: BrokerUrl,
    name: Arc<str>,
}

impl Connector {
    /// The broker that the settings name; nothing is connected yet. `program` is what the broker's management page
    /// shows for the process.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn from_settings(settings: &Settings, program: Program) -> Result<Self, UsageError> {
        let url = settings.amqp.url.expose().parse();
        let url = url.map_err(|e: InvalidUrl| UsageError(format!("WEBHOOKS_AMQP__URL is {e}")))?;
        Ok(Self::new(url, program.name()))
    }

    /// `name` is what the broker's management page shows for the process.
    pub fn new(url: BrokerUrl, name: &str) -> Self {
        Self { url, name: name.into() }
    }

    /// Where it connects to.
    pub fn url(&self) -> &BrokerUrl {
        &self.url
    }

    /// Opens a connection. lapin's own recovery stays off: with it, confirms in flight wait unresolved for the whole
    /// outage and the consumer sees nothing; here a fault is an error at once and the owner rebuilds what it needs.
    ///
    /// # Errors
    /// When the broker cannot be reached or refuses.
    pub(crate) async fn connect(&self, role: &str) -> Result<Connection, lapin::Error> {
        let name = format!("{} {role}", self.name);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect_uri(self.url.0.clone(), properties);
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
            let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "the broker did not answer in time");
            Err(error.into())
        })
    }
}
