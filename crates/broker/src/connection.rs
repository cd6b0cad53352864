//! A connection to RabbitMQ that does not outlive its owner, and how it is opened.
//!
//! lapin runs a connection in a thread of its own, which continues while the broker does not respond: a connection
//! abandoned during opening, or whose close gets no response, would stay open, with its consumers and their messages.
//! So the socket is ours, and closed when the owner drops it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::AMQPScheme;
use lapin::{Channel, ConnectionProperties, Event};
use runtime::RotatedUrl;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::info;

use crate::broker_url::{BrokerSettings, BrokerUrl};
use crate::socket::Socket;

/// Timeout for the socket: name lookup, TCP and TLS handshakes together.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for the AMQP handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for one reply of a connected broker.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for a graceful close; during an alarm the broker does not read it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the connections of one process, all under the process's name.
#[derive(Debug, Clone)]
pub struct Connector {
    url: Arc<RotatedUrl<BrokerUrl>>,
    name: Arc<str>,
}

impl Connector {
    /// A connector to this broker; nothing is connected yet. `name` is shown in the broker's management page.
    pub fn new(url: BrokerUrl, name: &str) -> Self {
        Self::from_settings(&BrokerSettings { url, url_file: None }, name)
    }

    /// The same to the configured broker.
    pub fn from_settings(settings: &BrokerSettings, name: &str) -> Self {
        let BrokerSettings { url, url_file } = settings.clone();
        Self {
            url: Arc::new(RotatedUrl::new(url, url_file, "WEBHOOKS_AMQP__URL_FILE")),
            name: name.into(),
        }
    }

    /// The broker's current URL.
    pub fn url(&self) -> BrokerUrl {
        self.url.url()
    }

    /// Opens a connection. lapin's own recovery stays off: with it, confirms in flight stay unresolved for the whole
    /// outage and the consumer is not informed; here a fault is an error at once and the owner reconnects.
    ///
    /// May be dropped at any time; nothing leaks.
    ///
    /// # Errors
    /// When the broker cannot be reached, does not respond in time, or refuses.
    pub(crate) async fn connect(&self, role: &str) -> Result<Connection, lapin::Error> {
        let connected = self.open(role).await;
        // The password may have been replaced. How a broker refuses a former one depends on its release, so any failure is a
        // reason to read the file; the next connection, after a pause, uses what it holds.
        if connected.is_err() && self.url.read_again() {
            info!(broker = %self.url(), "the broker URL was reloaded from WEBHOOKS_AMQP__URL_FILE");
        }
        connected
    }

    async fn open(&self, role: &str) -> Result<Connection, lapin::Error> {
        let url = self.url();
        let socket = OwnedSocket(Socket::default());
        let uri = url.uri();
        let runtime = socket.0.runtime();
        let dialling = async {
            let address = runtime.to_socket_addrs((uri.authority.host.clone(), uri.authority.port));
            let stream = AsyncTcpStream::connect(&runtime, address).await?;
            Ok(match uri.scheme {
                AMQPScheme::AMQP => stream,
                AMQPScheme::AMQPS => {
                    stream
                        .into_tls(&uri.authority.host, OwnedTLSConfig::default().as_ref())
                        .await?
                }
            })
        };
        let stream = in_time(DIAL_TIMEOUT, Box::pin(dialling)).await?;
        let stream = Mutex::new(Some(stream));
        let dialled = async move |_, _| {
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
        };
        let properties = ConnectionProperties::default().with_connection_name(format!("{} {role}", self.name).into());
        let greeting = lapin::Connection::connector(uri.clone(), runtime.clone(), dialled, properties);
        let lapin = in_time(HANDSHAKE_TIMEOUT, Box::pin(greeting)).await?;
        Ok(Connection(Arc::new(Open { lapin, socket })))
    }
}

/// A connection. Dropping it closes it, gracefully if the broker responds, and within two seconds in any case.
#[derive(Debug)]
pub(crate) struct Connection(Arc<Open>);

/// Dropped in this order: a socket that is shut down before lapin's close is a lost connection to the broker.
#[derive(Debug)]
struct Open {
    lapin: lapin::Connection,
    socket: OwnedSocket,
}

/// Closed when dropped, which ends the thread that reads it.
#[derive(Debug)]
struct OwnedSocket(Socket);

impl Drop for OwnedSocket {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Connection {
    /// Opens a channel.
    ///
    /// # Errors
    /// The connection is lost, or the broker does not respond.
    pub(crate) async fn create_channel(&self) -> Result<Channel, lapin::Error> {
        in_time(ANSWER_TIMEOUT, self.0.lapin.create_channel()).await
    }

    /// Its events from now on.
    pub(crate) fn events(&self) -> impl Stream<Item = Event> + Send + 'static {
        self.0.lapin.events_listener()
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &Socket {
        &self.0.socket.0
    }

    /// Closes its socket at once.
    pub(crate) fn abandon(&self) {
        self.socket().close();
    }

    /// Closes it gracefully, or its socket after the timeout.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let open = Arc::clone(&self.0);
        // Without a runtime, at the end of a process, nothing can be awaited.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { open.close().await });
        }
    }
}

impl Open {
    async fn close(&self) {
        // The result does not matter: the next line closes the socket.
        let _ = timeout(CLOSE_TIMEOUT, self.lapin.close(200, "done".into())).await;
        self.socket.0.close();
    }
}

/// Awaits a reply, with an error on a timeout.
pub(crate) async fn in_time<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, lapin::Error> {
    timeout(limit, asked)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the broker did not respond in time").into()))
}
