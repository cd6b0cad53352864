//! The mail server.

use std::time::Duration;

use anyhow::Context;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use settings::{EgressSettings, MailSettings, SmtpServer, SmtpTls};

/// Timeout for a mail.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server, with a new connection for each mail.
pub struct MailServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// Timeout for the whole SMTP dialogue, name resolution included.
    pub(super) timeout: Duration,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Unsendable {
    /// It cannot be written as a mail.
    #[error("it cannot be written")]
    Unwritable(#[source] lettre::error::Error),
    /// The mail server is unavailable or refused it.
    #[error("the mail server did not accept it")]
    Refused(#[source] lettre::transport::smtp::Error),
    /// The mail server did not respond in time.
    #[error("the mail server did not accept it in time")]
    TooSlow,
}

impl MailServer {
    /// The configured server. Its certificate is verified with the same roots as receivers'.
    ///
    /// # Errors
    /// When a certificate is invalid.
    pub fn new(mail: &MailSettings, egress: &EgressSettings) -> anyhow::Result<Self> {
        let server = &mail.server;
        // The client's EHLO name; any name works with a server that authenticates its clients.
        let name = mail.from.rsplit_once('@').map_or("localhost", |(_, host)| host);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .hello_name(ClientId::Domain(name.to_owned()))
            .timeout(Some(TIMEOUT))
            .tls(protection(server, egress)?);
        if let Some(user) = &server.credentials {
            builder = builder.credentials(Credentials::new(user.user.clone(), user.password.clone()));
        }
        Ok(Self {
            transport: builder.build(),
            timeout: TIMEOUT,
        })
    }

    /// Returns when the server has accepted the mail.
    ///
    /// # Errors
    /// [`Unsendable`]; the mail may have been accepted all the same, when only the response was lost.
    pub async fn send(&self, mail: Message) -> Result<(), Unsendable> {
        match tokio::time::timeout(self.timeout, self.transport.send(mail)).await {
            Ok(sent) => sent.map(drop).map_err(Unsendable::Refused),
            Err(_) => Err(Unsendable::TooSlow),
        }
    }
}

fn protection(server: &SmtpServer, egress: &EgressSettings) -> anyhow::Result<Tls> {
    let mut parameters = TlsParameters::builder(server.host.clone());
    for root in &egress.extra_roots {
        let root = Certificate::from_der(root.to_vec()).context("egress.ca_file cannot be used for mail")?;
        parameters = parameters.add_root_certificate(root);
    }
    let parameters = parameters.build().context("the mail server's TLS cannot be set up")?;
    Ok(match server.tls {
        SmtpTls::Always => Tls::Wrapper(parameters),
        SmtpTls::StartTls => Tls::Required(parameters),
        SmtpTls::IfOffered => Tls::Opportunistic(parameters),
    })
}
