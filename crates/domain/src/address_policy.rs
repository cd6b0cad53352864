//! The address policy: which addresses may be dialled. Applied twice: to an address in a URL when it is saved, and to
//! every resolved address before every connection.

mod nat64;
mod registries;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

pub use nat64::{InvalidNat64Prefix, Nat64Prefix};
use registries::{is_guarded, is_public};

/// Which addresses may be dialled: public ones and those in allowed networks, except those in denied networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
    nat64: Vec<Nat64Prefix>,
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            denied: Vec::new(),
            nat64: vec![Nat64Prefix::WELL_KNOWN],
        }
    }
}

impl AddressPolicy {
    /// Public addresses only.
    pub fn public_only() -> Self {
        Self::default()
    }

    /// Public addresses and those in these networks, whatever the registries say about them. A cloud metadata or
    /// link-local address is allowed only if it is listed as a network of its own.
    pub fn allowing(networks: Vec<IpNet>) -> Self {
        Self {
            allowed: networks.into_iter().map(unmapped).collect(),
            ..Self::default()
        }
    }

    /// The same policy without the addresses in these networks. Takes precedence over everything else.
    #[must_use]
    pub fn denying(self, networks: Vec<IpNet>) -> Self {
        Self {
            denied: networks.into_iter().map(unmapped).collect(),
            ..self
        }
    }

    /// The same policy with these NAT64 prefixes in place of the well-known one.
    #[must_use]
    pub fn translating(self, prefixes: Vec<Nat64Prefix>) -> Self {
        Self {
            nat64: prefixes,
            ..self
        }
    }

    /// Whether the address may be dialled.
    ///
    /// An address under a NAT64 prefix is judged by the IPv4 address it contains, and by nothing else. An IPv4-mapped
    /// one (`::ffff:10.0.0.1`) may be dialled when its IPv4 address is inside an allowed network; otherwise it is
    /// refused, even if that IPv4 address is public: no legitimate DNS response has one.
    pub fn permits(&self, address: IpAddr) -> bool {
        if self.denies(address) {
            return false;
        }
        let IpAddr::V6(v6) = address else {
            return self.permits_native(address);
        };
        if let Some(v4) = self.translated(v6) {
            self.permits(v4.into())
        } else if let Some(v4) = v6.to_ipv4_mapped() {
            self.exempts(v4.into())
        } else if let Some(v4) = carried(v6) {
            self.exempts(address) && self.permits(v4.into())
        } else {
            self.permits_native(address)
        }
    }

    /// Whether every address may be dialled. A single forbidden address makes the set forbidden, since we cannot
    /// control which one is used; so is an empty set.
    pub fn permits_all(&self, addresses: &[IpAddr]) -> bool {
        !addresses.is_empty() && addresses.iter().all(|address| self.permits(*address))
    }

    /// Whether local and single-label host names may be saved: while any network is allowed, they may resolve into it.
    pub fn allows_local_names(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Judges an address that contains no other.
    fn permits_native(&self, address: IpAddr) -> bool {
        self.exempts(address) || is_public(address) && !is_guarded(address)
    }

    /// Whether the address, or the IPv4 address it contains, is inside a denied network.
    fn denies(&self, address: IpAddr) -> bool {
        let within = |address: IpAddr| self.denied.iter().any(|network| network.contains(&address));
        let stands_for = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => self
                .translated(v6)
                .or_else(|| v6.to_ipv4_mapped())
                .or_else(|| carried(v6)),
        };
        within(address) || stands_for.is_some_and(|v4| within(v4.into()))
    }

    /// Whether the address is inside an allowed network. A wide network does not allow guarded addresses.
    fn exempts(&self, address: IpAddr) -> bool {
        let guarded = is_guarded(address);
        let exempt = |network: &&IpNet| !guarded || network.prefix_len() == network.max_prefix_len();
        self.allowed
            .iter()
            .filter(exempt)
            .any(|network| network.contains(&address))
    }

    fn translated(&self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        self.nat64.iter().find_map(|prefix| prefix.embedded(address))
    }
}

/// The IPv4 address that other forms carry and a router may unpack: IPv4-compatible (RFC 4291 §2.5.5.1),
/// IPv4-translated (RFC 2765 §2.1) and 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last_four = |octets: [u8; 16]| Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    match (address.segments(), address.octets()) {
        // `::` and `::1` carry no IPv4 address.
        ([0, 0, 0, 0, 0, 0, high, _], octets) if high > 0xff => Some(last_four(octets)),
        ([0, 0, 0, 0, 0xffff, 0, _, _], octets) => Some(last_four(octets)),
        ([0x2002, ..], octets) => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => None,
    }
}

/// The IPv4 network that a network of IPv4-mapped addresses denotes.
fn unmapped(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    match (v6.network().to_ipv4_mapped(), v6.prefix_len().checked_sub(MAPPED_BITS)) {
        (Some(v4), Some(prefix)) => Ipv4Net::new(v4, prefix).map_or(network, IpNet::V4),
        _ => network,
    }
}

#[cfg(test)]
mod tests;
