//! Which addresses may be dialled. Judged twice: an address in a URL when it is saved, and every resolved address
//! before every connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 that is not public: the IANA IPv4 Special-Purpose Address Registry where it is not globally reachable, and
/// multicast. 192.0.0.0/24 goes as a whole: its few reachable addresses are anycast services of network operators.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),       // "this network" (RFC 791)
    v4(10, 0, 0, 0, 8),      // private use (RFC 1918)
    v4(100, 64, 0, 0, 10),   // shared address space of carriers (RFC 6598)
    v4(127, 0, 0, 0, 8),     // loopback (RFC 1122)
    v4(169, 254, 0, 0, 16),  // link local, cloud metadata (RFC 3927)
    v4(172, 16, 0, 0, 12),   // private use (RFC 1918)
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments (RFC 6890)
    v4(192, 0, 2, 0, 24),    // documentation (RFC 5737)
    v4(192, 88, 99, 0, 24),  // 6to4 relay anycast, deprecated (RFC 7526)
    v4(192, 168, 0, 0, 16),  // private use (RFC 1918)
    v4(198, 18, 0, 0, 15),   // benchmarking (RFC 2544)
    v4(198, 51, 100, 0, 24), // documentation (RFC 5737)
    v4(203, 0, 113, 0, 24),  // documentation (RFC 5737)
    v4(224, 0, 0, 0, 4),     // multicast (RFC 5771)
    v4(240, 0, 0, 0, 4),     // reserved, and limited broadcast (RFC 1112, RFC 919)
];

/// The only IPv6 block from which public unicast addresses are given out (RFC 4291 §2.4). Everything else is refused:
/// loopback, unique local, link local, multicast, and all forms that carry an IPv4 address for somebody to unpack
/// (mapped, compatible, translated, NAT64).
const UNICAST_V6: Ipv6Net = v6(0x2000, 0, 3);

/// What is not public inside [`UNICAST_V6`], by the IANA IPv6 Special-Purpose Address Registry.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // IETF protocol assignments: Teredo, benchmarking, ORCHID (RFC 2928)
    v6(0x2001, 0xdb8, 32), // documentation (RFC 3849)
    v6(0x2002, 0, 16),     // 6to4, which carries an IPv4 address (RFC 3056)
    v6(0x3fff, 0, 20),     // documentation (RFC 9637)
];

/// Which addresses may be dialled: public ones, and those of the networks an operator allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// Public addresses only.
    pub fn public_only() -> Self {
        Self::default()
    }

    /// Public addresses, and everything inside these networks, whatever the registries say about it.
    pub fn allowing(networks: Vec<IpNet>) -> Self {
        Self { allowed: networks }
    }

    /// Whether the address may be dialled.
    ///
    /// An IPv4-mapped address (`::ffff:10.0.0.1`) is inside an allowed network when its IPv4 address is; otherwise it
    /// is refused, even if that IPv4 address is public: no honest DNS answer has one.
    pub fn permits(&self, address: IpAddr) -> bool {
        self.allows(address) || is_public(address)
    }

    /// Whether every address may be dialled. One that may not spoils them all, since nobody controls which is used;
    /// and where there is none, nothing may be dialled.
    pub fn permits_all(&self, addresses: &[IpAddr]) -> bool {
        !addresses.is_empty() && addresses.iter().all(|address| self.permits(*address))
    }

    /// Whether local and single-label host names may be saved: while any network is allowed, they may lead there.
    pub fn allows_local_names(&self) -> bool {
        !self.allowed.is_empty()
    }

    fn allows(&self, address: IpAddr) -> bool {
        let unmapped = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(&address) || network.contains(&unmapped))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            UNICAST_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests;
