//! The settings of the client.

use std::time::Duration;

use domain::AddressPolicy;
use http::HeaderValue;
use rustls::RootCertStore;

use crate::ProxyAddress;

/// The settings of [`crate::Outbound`]. Environment variables such as `https_proxy` are never read.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// Timeout of a whole attempt: resolving, connecting, sending, and reading the response.
    pub timeout: Duration,
    /// Of that, timeout for resolving the name, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// The address policy.
    pub policy: AddressPolicy,
    /// The root certificates for receivers; see [`crate::load_roots`].
    pub roots: RootCertStore,
    /// A proxy that every connection goes through, if any.
    pub proxy: Option<ProxyAddress>,
    /// Maximum idle connections, for all receivers together. Not below the maximum of requests in flight, which may all
    /// go to one host: the surplus would be closed after each burst and dialled again for the next.
    pub max_idle: usize,
    /// How long an idle connection is kept; see [`OutboundSettings::IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// `user-agent` of every request.
    pub user_agent: HeaderValue,
}

impl OutboundSettings {
    /// The recommended [`OutboundSettings::idle_timeout`]. Many servers close a connection after 5 s without a request
    /// (Node.js, uvicorn, Apache); a request on its way at that moment has to be sent again, and may arrive twice, so
    /// the connection is closed before. A receiver that announces less in `Keep-Alive` gets less. A busy receiver's
    /// connections are never idle that long anyway.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
}
