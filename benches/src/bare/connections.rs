//! Keep-alive connections to the receiver: hyper over rustls, one request at a time on each.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use crate::receiver::Address;

/// Opens connections as they are needed and keeps them all.
pub struct Connections {
    authority: String,
    address: SocketAddr,
    tls: TlsConnector,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Connections {
    /// None are open yet.
    ///
    /// # Errors
    /// When the address is not `https://<IP address>:<port>` or its certificate is none.
    pub fn new(receiver: &Address) -> anyhow::Result<Self> {
        let authority = receiver
            .url
            .strip_prefix("https://")
            .context("the receiver speaks HTTPS")?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(receiver.certificate.as_bytes())?)?;
        let tls = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            authority: authority.to_owned(),
            address: authority.parse()?,
            tls: TlsConnector::from(Arc::new(tls)),
            idle: Mutex::default(),
        })
    }

    /// Posts and returns the status, which is a success.
    ///
    /// # Errors
    /// When there is no answer, or another one.
    pub async fn post(&self, webhook: u32, id: &Uuid, body: Bytes) -> anyhow::Result<i16> {
        let request = Request::post(format!("/{webhook}"))
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id.to_string())
            .body(Full::new(body))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.open().await?,
        };
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        ensure!(status.is_success(), "the receiver answered {status}");
        Ok(i16::try_from(status.as_u16())?)
    }

    async fn open(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self
            .tls
            .connect(ServerName::IpAddress(self.address.ip().into()), stream)
            .await?;
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(requests)
    }
}
