//! Opens a connection to a receiver: resolve, apply the address policy, dial a permitted address, TLS by name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::AddressPolicy;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::network::Network;
use crate::tunnel::Tunnel;
use crate::{EgressHealth, Endpoint, Resolve, tcp};

/// Suffix of short service names inside a Kubernetes cluster; only its search list, which is not used, would complete
/// them.
const CLUSTER_SUFFIX: &str = ".svc";

/// The parts of a dial.
pub(crate) struct Dialler {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) policy: AddressPolicy,
    pub(crate) tls: TlsConnector,
    pub(crate) network: Network,
    pub(crate) tunnel: Option<Tunnel>,
    /// Timeout for resolving, connecting and the handshake together.
    pub(crate) connect_timeout: Duration,
}

impl Dialler {
    /// The health of the egress.
    pub(crate) fn health(&self) -> EgressHealth {
        EgressHealth {
            names: self.resolver.is_healthy(),
            proxy: self.tunnel.as_ref().is_none_or(Tunnel::is_healthy),
            network: self.network.is_healthy(),
        }
    }

    /// Opens a new connection to the receiver.
    pub(crate) async fn dial(&self, endpoint: &Endpoint) -> Result<Connection, Failure> {
        let deadline = Instant::now() + self.connect_timeout;
        timeout_at(deadline, self.dial_until(endpoint, deadline))
            .await
            .unwrap_or(Err(Failure::ConnectTimedOut))
    }

    async fn dial_until(&self, endpoint: &Endpoint, deadline: Instant) -> Result<Connection, Failure> {
        let addresses = self.permitted_addresses(&endpoint.host).await?;
        let reach = |address, patience| self.reach(SocketAddr::new(address, endpoint.port), patience);
        let stream = tcp::first_to_answer(&addresses, deadline, reach).await?;
        let stream = self
            .tls
            .connect(endpoint.server_name.clone(), stream)
            .await
            .map_err(|error| {
                tracing::debug!(host = ?endpoint.host, error = &error as &dyn std::error::Error, "TLS handshake failed");
                Failure::of_handshake(&error)
            })?;
        Connection::open(stream).await
    }

    /// All addresses of `host`, if the policy permits every one. A name with one forbidden address among good ones is
    /// refused: which of them is dialled would be chance, and a legitimate receiver has no such name.
    async fn permitted_addresses(&self, host: &Host) -> Result<Vec<IpAddr>, Failure> {
        let addresses = match host {
            Host::Literal(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(|error| {
                tracing::debug!(?host, error = &error as &dyn std::error::Error, "name lookup failed");
                match Failure::from(&error) {
                    Failure::NameNotFound if name.ends_with(CLUSTER_SUFFIX) => Failure::ClusterNameNotFound,
                    failure => failure,
                }
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

    /// A TCP connection to `address`. Through a proxy too it is this permitted address, and not a name that the proxy
    /// would resolve again.
    async fn reach(&self, address: SocketAddr, patience: Duration) -> Result<TcpStream, Failure> {
        let stream = match &self.tunnel {
            None => tcp::connect(address, &self.network).await?,
            Some(tunnel) => tunnel.open(address, patience).await?,
        };
        // Head and body are written at once; Nagle's algorithm would only delay them.
        stream.set_nodelay(true).map_err(|error| Failure::of_connect(&error))?;
        Ok(stream)
    }
}
