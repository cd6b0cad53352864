//! What the operator decides about outgoing requests.

use std::time::Duration;

use domain::AddressPolicy;
use http::HeaderValue;
use rustls::RootCertStore;

use crate::ProxyAddress;

/// Everything [`crate::Outbound`] needs to know. Environment variables such as `https_proxy` are never read.
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// The whole attempt: resolving, connecting, sending, and reading the answer.
    pub timeout: Duration,
    /// Of that, at most this for resolving the name, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Which addresses may be dialled.
    pub policy: AddressPolicy,
    /// The certificate authorities a receiver's certificate must chain to.
    pub roots: RootCertStore,
    /// A proxy that every connection goes through, if any.
    pub proxy: Option<ProxyAddress>,
    /// Idle connections kept per host and port. Not below the requests allowed in flight: the surplus
    /// would be closed after each burst and dialled again for the next.
    pub max_idle_per_host: usize,
    /// How long an idle connection is kept; see [`EgressSettings::IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// `user-agent` of every request.
    pub user_agent: HeaderValue,
}

impl EgressSettings {
    /// The recommended [`EgressSettings::idle_timeout`]. Many servers close a connection after 5 s without a request
    /// (Node.js, uvicorn, Apache); a request on its way at that moment is a failed attempt that nobody can repeat safely,
    /// so the connection is given up first. A busy receiver's connections are never idle that long anyway.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
}
