//! Why no response arrived, in words that a customer may read.

use std::error::Error;
use std::{fmt, io};

use domain::Outcome;
use domain::test_message::{CERTIFICATE_NOT_VALID, CLUSTER_NAME_NOT_FOUND, CONNECTION_REFUSED};

use crate::ResolveError;
use crate::exhausted::is_lack_of_ours;

/// Why an attempt got no response. Reveals nothing about our network: a name that resolves to a forbidden address is
/// refused in the same words whichever address it was and whatever listens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    AddressNotAllowed,
    NameNotFound,
    ClusterNameNotFound,
    LookupTimedOut,
    LookupFailed,
    ConnectionRefused,
    ConnectionFailed,
    ConnectTimedOut,
    CertificateNotValid,
    HandshakeFailed,
    TimedOut,
    Closed,
    NotUnderstood,
    InvalidRequest,
    /// Local error: our name servers resolve nothing.
    NoNames,
    /// Local error: the proxy does not work.
    NoProxy,
    /// Local error: no socket is left.
    NoSocket,
    /// Local error: there is no route to any address, or no longer to those of this family.
    NoRoute,
}

impl Failure {
    /// The outcome, for retries and metrics.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::AddressNotAllowed => Outcome::Blocked,
            Self::NameNotFound | Self::ClusterNameNotFound | Self::LookupTimedOut | Self::LookupFailed => {
                Outcome::DnsError
            }
            Self::NoNames | Self::NoProxy | Self::NoSocket | Self::NoRoute => Outcome::LocalError,
            Self::CertificateNotValid | Self::HandshakeFailed => Outcome::TlsError,
            Self::ConnectTimedOut | Self::TimedOut => Outcome::Timeout,
            Self::ConnectionRefused
            | Self::ConnectionFailed
            | Self::Closed
            | Self::NotUnderstood
            | Self::InvalidRequest => Outcome::ConnectError,
        }
    }

    /// The text for people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::AddressNotAllowed => "address not allowed",
            Self::NameNotFound => "name not found",
            Self::ClusterNameNotFound => CLUSTER_NAME_NOT_FOUND,
            Self::LookupTimedOut => "name lookup timed out",
            Self::LookupFailed => "name lookup failed",
            Self::ConnectionRefused => CONNECTION_REFUSED,
            Self::ConnectionFailed => "connection failed",
            Self::ConnectTimedOut => "timeout while connecting",
            Self::CertificateNotValid => CERTIFICATE_NOT_VALID,
            Self::HandshakeFailed => "TLS handshake failed",
            Self::TimedOut => "timeout",
            Self::Closed => "connection closed before a response",
            Self::NotUnderstood => "response is not valid HTTP",
            Self::InvalidRequest => "request cannot be sent",
            Self::NoNames => "local error: no name server responds",
            Self::NoProxy => "local error: the egress proxy does not work",
            Self::NoSocket => "local error: no socket is free",
            Self::NoRoute => "local error: no network route",
        }
    }

    /// Whether it is a local error.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::NoNames | Self::NoProxy | Self::NoSocket | Self::NoRoute)
    }

    /// Why a TCP connection failed.
    pub(crate) fn of_connect(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            io::ErrorKind::TimedOut => Self::ConnectTimedOut,
            _ if is_lack_of_ours(error) => Self::NoSocket,
            _ => Self::ConnectionFailed,
        }
    }

    /// Why a TLS handshake failed. An end of the stream counts too: only TLS was spoken.
    pub(crate) fn of_handshake(error: &io::Error) -> Self {
        tls_failure(error).unwrap_or(Self::HandshakeFailed)
    }

    /// Why a request on an open connection, or opening one for it, failed. A more specific cause may be in the chain;
    /// TLS can also fail late, since a TLS 1.3 server verifies the client after the client's handshake is done.
    pub(crate) fn of_request(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            if let Some(failure) = of_cause(cause) {
                return failure;
            }
            next = cause.source();
        }
        Self::ConnectionFailed
    }
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(*failure);
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return tls_failure(error);
    }
    let error = cause.downcast_ref::<hyper::Error>()?;
    if error.is_parse() {
        Some(Failure::NotUnderstood)
    } else if error.is_incomplete_message() || error.is_canceled() {
        Some(Failure::Closed)
    } else {
        None
    }
}

/// rustls reports through `io::Error`, whose `source()` skips the error it was made from.
fn tls_failure(error: &io::Error) -> Option<Failure> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Some(Failure::CertificateNotValid)
        }
        _ => Some(Failure::HandshakeFailed),
    }
}

impl From<&ResolveError> for Failure {
    fn from(error: &ResolveError) -> Self {
        match error {
            ResolveError::NotFound => Self::NameNotFound,
            ResolveError::Timeout => Self::LookupTimedOut,
            ResolveError::Failed(_) => Self::LookupFailed,
            ResolveError::Ours(_) => Self::NoNames,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Error for Failure {}
