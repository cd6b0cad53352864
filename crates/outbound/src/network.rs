//! Decides whether a failed connect is a local error: no route or no socket on our side.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;
use crate::trouble::Trouble;

/// Any port will do: nothing is sent.
const DISCARD: u16 = 9;

/// What is known of our routes.
#[derive(Debug)]
pub(crate) struct Network {
    /// Whether an address of the family was ever reached: IPv4, IPv6.
    reached: [AtomicBool; 2],
    trouble: Trouble,
}

impl Network {
    pub(crate) fn new() -> Self {
        let trouble = Trouble::new(
            "local error: connections cannot be opened on this host",
            "local error over: connections can be opened again",
        );
        Self {
            reached: Default::default(),
            trouble,
        }
    }

    /// Whether connections can be opened, as far as recent attempts show.
    pub(crate) fn is_healthy(&self) -> bool {
        !self.trouble.is_there()
    }

    /// Records that an address was reached.
    pub(crate) fn reached(&self, address: IpAddr) {
        self.family(address).store(true, Ordering::Relaxed);
        self.trouble.is_over();
    }

    /// Why this address was not reached.
    ///
    /// Many hosts have no IPv6; a receiver with IPv6 addresses only is then unreachable from here, as from elsewhere.
    /// That is a local error only when the family has worked before, or when the other has no route either.
    pub(crate) fn failure(&self, address: IpAddr, error: &io::Error) -> Failure {
        let failure = match Failure::of_connect(error) {
            Failure::ConnectionFailed if is_without_route(error) => {
                let worked = self.family(address).load(Ordering::Relaxed);
                if worked || !has_route_for_other_family(address) {
                    Failure::NoRoute
                } else {
                    Failure::ConnectionFailed
                }
            }
            other => other,
        };
        if failure.is_ours() {
            self.trouble.is_noticed(&error.to_string());
        }
        failure
    }

    fn family(&self, address: IpAddr) -> &AtomicBool {
        &self.reached[usize::from(address.is_ipv6())]
    }
}

/// No route, no local address to connect from, or no such family.
fn is_without_route(error: &io::Error) -> bool {
    // On Linux.
    const EAFNOSUPPORT: i32 = 97;
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown | io::ErrorKind::AddrNotAvailable
    ) || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// Whether there is a route to public addresses of the family that `address` is not of. Connecting a UDP socket sends
/// nothing; the addresses are those for documentation (RFC 5737, RFC 3849), which are routed like any other.
fn has_route_for_other_family(address: IpAddr) -> bool {
    let (from, to): (IpAddr, IpAddr) = match address {
        IpAddr::V4(_) => (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
        IpAddr::V6(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
    };
    let socket = UdpSocket::bind(SocketAddr::new(from, 0));
    socket.is_ok_and(|socket| socket.connect(SocketAddr::new(to, DISCARD)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn error(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn a_lack_of_sockets_is_ours_at_once() {
        for code in [12, 23, 24, 105] {
            let network = Network::new();
            assert_eq!(network.failure(V4, &error(code)), Failure::NoSocket, "{code}");
            assert!(!network.is_healthy());
            network.reached(V4);
            assert!(network.is_healthy());
        }
    }

    #[test]
    fn a_family_that_worked_before_has_lost_its_route() {
        for code in [97, 99, 100, 101] {
            let network = Network::new();
            network.reached(V4);
            assert_eq!(network.failure(V4, &error(code)), Failure::NoRoute, "{code}");
        }
    }

    #[test]
    fn what_a_receiver_does_is_not_ours() {
        let network = Network::new();
        network.reached(V4);
        for (code, failure) in [
            (111, Failure::ConnectionRefused),
            (110, Failure::ConnectTimedOut),
            (113, Failure::ConnectionFailed),
            (104, Failure::ConnectionFailed),
        ] {
            assert_eq!(network.failure(V4, &error(code)), failure, "{code}");
        }
        assert!(network.is_healthy());
    }
}
