//! TLS as a client: the receiver's certificate is always verified, against the given roots and its name.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::error::OutboundError;
use crate::sessions::Sessions;

/// TLS 1.2 and 1.3 by ring, HTTP/1.1 the only protocol offered, no client certificate.
pub(crate) fn connector(roots: RootCertStore) -> Result<TlsConnector, OutboundError> {
    if roots.is_empty() {
        return Err(OutboundError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(Sessions::new()));
    Ok(TlsConnector::from(Arc::new(config)))
}
