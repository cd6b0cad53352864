//! Why there is no client.

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// There is no certificate authority to trust: every delivery would fail.
    #[error("no trusted certificate authority: install the system's CA certificates or set egress.ca_file")]
    NoRoots,
    /// The TLS library refused the configuration.
    #[error("TLS cannot be configured")]
    Tls(#[from] rustls::Error),
}
