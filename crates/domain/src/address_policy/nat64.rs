//! IPv6 addresses that represent an IPv4 address behind a NAT64 translator (RFC 6052).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::Ipv6Net;

/// The lengths a prefix may have (RFC 6052 §2.2).
const LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];
/// The octet that is always zero, whatever the prefix (RFC 6052 §2.2).
const ZERO_OCTET: usize = 8;

/// The prefix under which a network's NAT64 translator (RFC 6146) is reached. A name server with DNS64 (RFC 6147)
/// returns addresses under it for every name that has IPv4 addresses only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat64Prefix(Ipv6Net);

/// The text is not a prefix of RFC 6052.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, such as 64:ff9b::/96, whose bits 64 to 71 are zero")]
pub struct InvalidNat64Prefix;

impl Nat64Prefix {
    /// `64:ff9b::/96` (RFC 6052 §2.1).
    pub const WELL_KNOWN: Self = Self(Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96));

    /// The IPv4 address that `address` represents, if it is under this prefix.
    pub(super) fn embedded(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        if !self.0.contains(&address) {
            return None;
        }
        let octets = address.octets();
        let first = usize::from(self.0.prefix_len() / 8);
        let mut carried = (first..octets.len())
            .filter(|at| *at != ZERO_OCTET)
            .map(|at| octets[at]);
        let mut next = || {
            carried
                .next()
                .expect("at least four octets follow a prefix of 96 bits or less")
        };
        Some(Ipv4Addr::new(next(), next(), next(), next()))
    }
}

impl FromStr for Nat64Prefix {
    type Err = InvalidNat64Prefix;

    fn from_str(text: &str) -> Result<Self, InvalidNat64Prefix> {
        let prefix = text.parse::<Ipv6Net>().map_err(|_| InvalidNat64Prefix)?.trunc();
        let zero = prefix.network().octets()[ZERO_OCTET] == 0;
        if LENGTHS.contains(&prefix.prefix_len()) && zero {
            Ok(Self(prefix))
        } else {
            Err(InvalidNat64Prefix)
        }
    }
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6052 §2.4, all of which represent 192.0.2.33.
    #[test]
    fn the_address_is_found_under_a_prefix_of_any_length() {
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ] {
            let embedded = prefix
                .parse::<Nat64Prefix>()
                .unwrap()
                .embedded(address.parse().unwrap());
            assert_eq!(embedded, Some(Ipv4Addr::new(192, 0, 2, 33)), "{prefix}");
        }
        assert_eq!(
            Nat64Prefix::WELL_KNOWN.embedded("64:ff9b:0:0:0:1::".parse().unwrap()),
            None
        );
    }

    #[test]
    fn only_prefixes_of_the_standard_are_taken() {
        assert_eq!("64:ff9b::/96".parse(), Ok(Nat64Prefix::WELL_KNOWN));
        assert_eq!("64:ff9b::1/96".parse(), Ok(Nat64Prefix::WELL_KNOWN));
        for text in [
            "64:ff9b::/95",
            "64:ff9b::/128",
            "::/0",
            "10.0.0.0/8",
            "64:ff9b::",
            "2001:db8:0:0:100::/96",
            "",
        ] {
            assert_eq!(text.parse::<Nat64Prefix>(), Err(InvalidNat64Prefix), "{text}");
        }
    }
}
