//! Starting a receiver.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use devstack::certificates::{ServerIdentity, TestCa};
use rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::shared::{Recording, Shared};

/// What is fixed when a [`Receiver`](super::Receiver) starts.
#[derive(Debug)]
pub struct ReceiverBuilder {
    address: SocketAddr,
    identity: ServerIdentity,
    roots: RootCertStore,
    wants_client_certificate: bool,
    keep_alive: Duration,
    recording: Recording,
}

impl ReceiverBuilder {
    pub(super) fn new(ca: &TestCa) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            identity: ca.issue(&[]),
            roots: ca.roots(),
            wants_client_certificate: false,
            keep_alive: Duration::MAX,
            recording: Recording::Full,
        }
    }

    /// Listens on this address instead of a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Shows this certificate instead of a good one for `127.0.0.1`, `::1` and `localhost`.
    #[must_use]
    pub fn identity(mut self, identity: ServerIdentity) -> Self {
        self.identity = identity;
        self
    }

    /// Accepts only clients with a certificate, which the sender never has.
    #[must_use]
    pub fn require_client_certificate(mut self) -> Self {
        self.wants_client_certificate = true;
        self
    }

    /// Closes a connection gracefully, as servers do, when it was idle for this long. Never, unless set.
    #[must_use]
    pub fn keep_alive(mut self, longest: Duration) -> Self {
        self.keep_alive = longest;
        self
    }

    /// Sets how much is remembered.
    #[must_use]
    pub fn recording(mut self, recording: Recording) -> Self {
        self.recording = recording;
        self
    }

    /// The socket, its address, and what the connections will share.
    pub(super) async fn prepare(self) -> anyhow::Result<(TcpListener, SocketAddr, Shared)> {
        let listener = TcpListener::bind(self.address)
            .await
            .with_context(|| format!("cannot listen on {}", self.address))?;
        let address = listener.local_addr()?;
        let keep_alive = self.keep_alive;
        let recording = self.recording;
        Ok((listener, address, Shared::new(self.acceptor()?, keep_alive, recording)))
    }

    fn acceptor(self) -> anyhow::Result<TlsAcceptor> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ClientCertVerifier> = if self.wants_client_certificate {
            WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots), provider.clone()).build()?
        } else {
            WebPkiClientVerifier::no_client_auth()
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.identity.chain, self.identity.key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
