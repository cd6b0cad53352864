//! `[egress]`: how receivers are dialled, and the address policy.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use domain::{AddressPolicy, Nat64Prefix};
use ipnet::IpNet;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;

use super::duration;
use super::reader::Reader;

const ALLOW_NETWORKS: &str = "egress.allow_networks";
const TIMEOUT: &str = "egress.timeout";
const CONNECT_TIMEOUT: &str = "egress.connect_timeout";

/// How receivers are dialled, and the address policy.
#[derive(Clone, Debug)]
pub struct EgressSettings {
    /// Timeout of a whole request: from name resolution to the end of the response.
    pub timeout: Duration,
    /// Of that, until the connection is established, TLS included.
    pub connect_timeout: Duration,
    /// Non-public networks that may be dialled.
    pub allow_networks: Vec<IpNet>,
    /// Networks that may not be dialled, even if they are public or allowed.
    pub deny_networks: Vec<IpNet>,
    /// Prefixes of NAT64 translators; an address under one is judged by the IPv4 address it contains.
    pub nat64_prefixes: Vec<Nat64Prefix>,
    /// Name servers for receivers' names; the system's if empty.
    pub name_servers: Vec<SocketAddr>,
    /// Roots trusted beside the system's; the certificates of `egress.ca_file`.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// The proxy that every request goes through.
    pub proxy: Option<ProxyAddress>,
}

/// An HTTP proxy that is asked to `CONNECT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAddress {
    /// A name or an address; an IPv6 address stands in brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// There are no root certificates for receivers, so that every delivery would fail.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "no trusted root certificate was found: the system has none ({system}) and egress.ca_file adds none; \
     install the package ca-certificates or set WEBHOOKS_EGRESS__CA_FILE"
)]
pub struct RootsError {
    /// The error of the system's store.
    system: String,
}

impl EgressSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let timeout = reader.value(TIMEOUT, "15s", duration::between("1ms", "10m"));
        let connect_timeout = read_connect_timeout(reader, timeout);
        let allow_networks = reader.list(ALLOW_NETWORKS, &[], network);
        let deny_networks = reader.list("egress.deny_networks", &[], network);
        let nat64_prefixes = reader.list("egress.nat64_prefixes", &["64:ff9b::/96"], nat64_prefix);
        let name_servers = reader.list("egress.name_servers", &[], name_server);
        let extra_roots = reader.optional("egress.ca_file", ca_file).unwrap_or_default();
        let proxy = reader.optional("egress.proxy", proxy);
        let settings = Self {
            timeout,
            connect_timeout,
            allow_networks,
            deny_networks,
            nat64_prefixes,
            name_servers,
            extra_roots,
            proxy,
        };
        for network in settings.networks_of_everything() {
            reader.warn(
                ALLOW_NETWORKS,
                format!("holds {network}: every account may have its events sent to any address"),
            );
        }
        settings
    }

    /// The address policy: public addresses and [`EgressSettings::allow_networks`], except
    /// [`EgressSettings::deny_networks`].
    #[must_use]
    pub fn address_policy(&self) -> AddressPolicy {
        AddressPolicy::allowing(self.allow_networks.clone())
            .denying(self.deny_networks.clone())
            .translating(self.nat64_prefixes.clone())
    }

    /// Allowed networks that contain all addresses of a family, or half of them.
    fn networks_of_everything(&self) -> impl Iterator<Item = &IpNet> {
        self.allow_networks.iter().filter(|network| network.prefix_len() <= 1)
    }

    /// The root certificates for receivers: the system's and [`EgressSettings::extra_roots`]. Reads files; call it
    /// once, at the start.
    ///
    /// # Errors
    /// When there is no root.
    pub fn load_roots(&self) -> Result<RootCertStore, RootsError> {
        let system = rustls_native_certs::load_native_certs();
        self.combine_roots(system.certs, system.errors.iter().map(ToString::to_string).collect())
    }

    fn combine_roots(
        &self,
        system: Vec<CertificateDer<'static>>,
        errors: Vec<String>,
    ) -> Result<RootCertStore, RootsError> {
        let mut roots = RootCertStore::empty();
        // Old stores hold a few unreadable certificates, which are harmless.
        let (_, unreadable) = roots.add_parsable_certificates(system);
        roots.add_parsable_certificates(self.extra_roots.iter().cloned());
        if !errors.is_empty() || unreadable > 0 {
            tracing::warn!(
                unreadable,
                errors = errors.join("; "),
                "some of the system's root certificates cannot be used"
            );
        }
        if roots.is_empty() {
            let system = if errors.is_empty() {
                "its store is empty".to_owned()
            } else {
                errors.join("; ")
            };
            return Err(RootsError { system });
        }
        Ok(roots)
    }
}

/// A shorter timeout of the whole request also shortens that of the connection.
fn read_connect_timeout(reader: &mut Reader, timeout: Duration) -> Duration {
    let usual = Duration::from_secs(5);
    let default = if timeout < usual {
        duration::text(timeout)
    } else {
        duration::text(usual)
    };
    let connect_timeout = reader.value(CONNECT_TIMEOUT, &default, duration::between("1ms", "10m"));
    if reader.sound(&[TIMEOUT, CONNECT_TIMEOUT]) && connect_timeout > timeout {
        let longer = duration::text(connect_timeout);
        reader.refuse(
            CONNECT_TIMEOUT,
            format!("is {longer}, longer than the {} of {TIMEOUT}", duration::text(timeout)),
        );
    }
    connect_timeout
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().map(|address: IpAddr| IpNet::from(address));
    match text.parse::<IpNet>().or_else(|_| address()) {
        Ok(network) => Ok(network.trunc()),
        Err(_) => Err(format!(
            "must be networks such as 10.0.0.0/8 or fd00::/8; {text:?} is none"
        )),
    }
}

fn nat64_prefix(text: &str) -> Result<Nat64Prefix, String> {
    text.parse()
        .map_err(|error| format!("must be prefixes of NAT64 translators; {text:?} is not {error}"))
}

/// An address, with a port unless it is that of DNS.
fn name_server(text: &str) -> Result<SocketAddr, String> {
    const DNS: u16 = 53;
    let address = || text.parse().map(|address: IpAddr| SocketAddr::new(address, DNS));
    text.parse().or_else(|_| address()).map_err(|_| {
        format!("must be addresses of name servers such as 10.0.0.53 or [fd00::53]:5353; {text:?} is none")
    })
}

/// A file with at least one certificate that can be a root.
pub(super) fn ca_file(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem =
        std::fs::read(Path::new(text)).map_err(|error| format!("names {text:?}, which cannot be read: {error}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| format!("names {text:?}, which is not valid PEM: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("names {text:?}, which holds no certificate in PEM form"));
    }
    let mut trial = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        let position = index + 1;
        trial.add(certificate.clone()).map_err(|error| {
            format!("names {text:?}, whose certificate number {position} cannot be used as a root: {error}")
        })?;
    }
    Ok(certificates)
}

/// The value is not repeated in an error: people put passwords into proxy URLs.
fn proxy(text: &str) -> Result<ProxyAddress, String> {
    let refusal = "must be an address such as http://proxy.example.com:3128";
    let url = Url::parse(text).map_err(|error| format!("{refusal} ({error})"))?;
    if url.scheme() != "http" {
        return Err(format!("{refusal}: the proxy itself is spoken to over http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{refusal}: a user name or password is not supported"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{refusal}: nothing may follow the host and port"));
    }
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => Ok(ProxyAddress {
            host: host.to_owned(),
            port,
        }),
        _ => Err(refusal.to_owned()),
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests;
