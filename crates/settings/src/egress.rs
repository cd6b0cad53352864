//! `[egress]`: how receivers are dialled, and the address policy.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::{AddressPolicy, Nat64Prefix};
use ipnet::IpNet;
use outbound::ProxyAddress;
use rustls::pki_types::CertificateDer;

use crate::duration;
use crate::parse::{ca_file, parsed};
use crate::reader::Reader;

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
    /// Where requests come from, as receivers see it.
    public_addresses: Vec<IpNet>,
}

impl EgressSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let timeout = reader.value(TIMEOUT, "15s", duration::between("1ms", "10m"));
        let connect_timeout = read_connect_timeout(reader, timeout);
        let allow_networks = reader.list(ALLOW_NETWORKS, &[], network);
        let deny_networks = reader.list("egress.deny_networks", &[], network);
        let nat64_prefixes = reader.list("egress.nat64_prefixes", &["64:ff9b::/96"], nat64_prefix);
        let name_servers = reader.list("egress.name_servers", &[], name_server);
        let extra_roots = reader.optional("egress.ca_file", ca_file).unwrap_or_default();
        let proxy = reader.optional("egress.proxy", parsed);
        let public_addresses = reader.list("egress.public_addresses", &[], network);
        let settings = Self {
            timeout,
            connect_timeout,
            allow_networks,
            deny_networks,
            nat64_prefixes,
            name_servers,
            extra_roots,
            proxy,
            public_addresses,
        };
        // All addresses of a family, or half of them.
        for network in settings
            .allow_networks
            .iter()
            .filter(|network| network.prefix_len() <= 1)
        {
            reader.warn(
                ALLOW_NETWORKS,
                format!("holds {network}: every account may have its events sent to any address"),
            );
        }
        settings
    }

    /// Addresses and networks that requests to receivers come from, as text.
    #[must_use]
    pub fn public_addresses(&self) -> Vec<String> {
        let text = |network: &IpNet| match network.prefix_len() == network.max_prefix_len() {
            true => network.addr().to_string(),
            false => network.to_string(),
        };
        self.public_addresses.iter().map(text).collect()
    }

    /// The address policy: public addresses and [`EgressSettings::allow_networks`], except
    /// [`EgressSettings::deny_networks`].
    #[must_use]
    pub fn address_policy(&self) -> AddressPolicy {
        AddressPolicy::allowing(self.allow_networks.clone())
            .denying(self.deny_networks.clone())
            .translating(self.nat64_prefixes.clone())
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
            "must be networks such as 10.0.0.0/8 or fd00::/8; {text:?} is not one"
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
        format!("must be addresses of name servers such as 10.0.0.53 or [fd00::53]:5353; {text:?} is not one")
    })
}
