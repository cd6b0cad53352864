//! Opens a connection to a receiver: resolve, judge, dial what was judged, TLS by name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::AddressPolicy;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::target::Host;
use crate::{ProxyAddress, Resolve, Target, tcp, tunnel};

/// What every dial needs.
pub(crate) struct Dialler {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) policy: AddressPolicy,
    pub(crate) tls: TlsConnector,
    pub(crate) proxy: Option<ProxyAddress>,
    /// For resolving, connecting and the handshake together.
    pub(crate) connect_timeout: Duration,
}

impl Dialler {
    /// A new connection to the receiver.
    pub(crate) async fn dial(&self, target: &Target) -> Result<Connection, Failure> {
        let deadline = Instant::now() + self.connect_timeout;
        timeout_at(deadline, self.dial_until(target, deadline)).await.unwrap_or(Err(Failure::ConnectTimedOut))
    }

    async fn dial_until(&self, target: &Target, deadline: Instant) -> Result<Connection, Failure> {
        let addresses = self.permitted_addresses(&target.host).await?;
        let reach = |address| self.reach(SocketAddr::new(address, target.port));
        let stream = tcp::first_to_answer(&addresses, deadline, reach).await?;
        let stream = self.tls.connect(target.server_name.clone(), stream).await.map_err(|error| {
            tracing::debug!(host = ?target.host, %error, "TLS handshake failed");
            Failure::of_handshake(&error)
        })?;
        Connection::open(stream).await
    }

    /// All addresses of `host`, if every one of them may be dialled. A name with one forbidden address among good ones
    /// is refused: which of them is dialled would be chance, and an honest receiver has no such name.
    async fn permitted_addresses(&self, host: &Host) -> Result<Vec<IpAddr>, Failure> {
        let addresses = match host {
            Host::Literal(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(|error| {
                tracing::debug!(?host, %error, "name lookup failed");
                Failure::from(&error)
            })?,
        };
        if addresses.is_empty() {
            return Err(Failure::NameNotFound);
        }
        if !self.policy.permits_all(&addresses) {
            tracing::debug!(?host, ?addresses, "address not allowed");
            return Err(Failure::AddressNotAllowed);
        }
        Ok(addresses)
    }

    /// A TCP connection that ends at `address`. Through a proxy too it is this address, already judged, and not a name
    /// that the proxy would resolve again.
    async fn reach(&self, address: SocketAddr) -> Result<TcpStream, Failure> {
        let stream = match &self.proxy {
            None => tcp::connect(address).await?,
            Some(proxy) => tunnel::open(proxy, address).await?,
        };
        // Head and body are written at once; waiting for more to send would only delay them.
        stream.set_nodelay(true).map_err(|error| Failure::of_connect(&error))?;
        Ok(stream)
    }
}
