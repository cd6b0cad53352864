//! Non-public addresses, from the IANA registries, and the metadata addresses of clouds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// Non-public IPv4: the IANA IPv4 Special-Purpose Address Registry where it is not globally reachable, and multicast.
/// 192.0.0.0/24 is excluded as a whole: its few reachable addresses are anycast services of network operators.
pub(super) const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
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

/// The only IPv6 block from which public unicast addresses are allocated (RFC 4291 §2.4). Everything else is refused:
/// loopback, unique local, link local, multicast, and all forms that carry an IPv4 address (mapped, compatible,
/// translated), except NAT64, which is judged by the IPv4 address.
pub(super) const UNICAST_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Non-public addresses inside [`UNICAST_V6`], by the IANA IPv6 Special-Purpose Address Registry.
pub(super) const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // IETF protocol assignments: Teredo, benchmarking, ORCHID (RFC 2928)
    v6(0x2001, 0xdb8, 32), // documentation (RFC 3849)
    v6(0x2002, 0, 16),     // 6to4, which carries an IPv4 address (RFC 3056)
    v6(0x3fff, 0, 20),     // documentation (RFC 9637)
];

/// Cloud metadata and credential services, and link-local addresses, where most of them are. Only an allowed network
/// that is exactly this address opens it: an operator who allows a network means receivers in it.
pub(super) const GUARDED: [IpNet; 8] = [
    IpNet::V4(v4(169, 254, 0, 0, 16)),     // AWS, Google, Azure, Oracle and others
    IpNet::V4(v4(168, 63, 129, 16, 32)),   // Azure's WireServer, a public address
    IpNet::V4(v4(100, 100, 100, 200, 32)), // Alibaba
    IpNet::V4(v4(192, 0, 0, 192, 32)),     // Oracle
    IpNet::V6(v6(0xfe80, 0, 10)),          // link local (RFC 4291)
    IpNet::V6(v6(0xfd00, 0xec2, 32)),      // AWS
    IpNet::V6(Ipv6Net::new_assert(
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
        128,
    )), // Google
    IpNet::V6(Ipv6Net::new_assert(
        Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
        128,
    )), // Scaleway
];

/// Whether the registries call the address globally reachable. Forms that carry an IPv4 address are not.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            UNICAST_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// Whether the address is one of [`GUARDED`].
pub(super) fn is_guarded(address: IpAddr) -> bool {
    GUARDED.iter().any(|network| network.contains(&address))
}
