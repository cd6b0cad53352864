//! How many connections each address has: none may have so many that the others find no room.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections each address has. Clones share the counts.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    most: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that is counted, until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// At most so many of one address.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            counts: Arc::default(),
        }
    }

    /// Counts a connection from `address`; `None` when it has too many.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Share> {
        let address = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share {
            peers: self.clone(),
            address,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.peers.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Of IPv6, the 64 bits that one customer of a network has at least (RFC 6177); an IPv4 address in IPv6 form is that
/// address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        ipv4 => ipv4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 128;

    #[test]
    fn one_address_leaves_room_for_the_others_and_gets_back_what_it_gives_back() {
        let peers = Peers::new(MOST);
        let address = |text: &str| text.parse().unwrap();
        let mut shares: Vec<_> = (0..MOST).map(|_| peers.admit(address("192.0.2.1")).unwrap()).collect();
        assert!(peers.admit(address("192.0.2.1")).is_none() && peers.admit(address("::ffff:192.0.2.1")).is_none());
        let other = peers.admit(address("192.0.2.2")).unwrap();
        shares.pop();
        shares.push(peers.admit(address("192.0.2.1")).unwrap());
        drop((shares, other));
        assert!(peers.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let peers = Peers::new(MOST);
        let of = |host: u128| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | host));
        let shares: Vec<_> = (0..MOST as u128).map(|host| peers.admit(of(host)).unwrap()).collect();
        assert!(peers.admit(of(u64::MAX.into())).is_none());
        assert!(peers.admit(of(1 << 64)).is_some());
        drop(shares);
    }
}
