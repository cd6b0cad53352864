//! TCP connections: tries several addresses until one connects.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::failure::Failure;
use crate::network::Network;

/// Maximum addresses tried for one connection. A name can have hundreds; the first few show whether the receiver is
/// reachable.
const MAX_TRIED: usize = 6;

/// Tries the addresses one after the other, IPv4 and IPv6 in turn, until one connects.
///
/// Each gets an equal share of the time left until `deadline`, so that an unresponsive one leaves time for the others.
/// IPv4 comes first: where the two differ, it is nearly always IPv6 that is broken.
///
/// # Errors
/// The failure of the address tried last; preferably one that is the receiver's.
pub(crate) async fn first_to_answer<Reaching>(
    addresses: &[IpAddr],
    deadline: Instant,
    reach: impl Fn(IpAddr, Duration) -> Reaching,
) -> Result<TcpStream, Failure>
where
    Reaching: Future<Output = Result<TcpStream, Failure>>,
{
    let mut last = None;
    let mut left = addresses.len().min(MAX_TRIED) as u32;
    for address in interleaved(addresses).take(MAX_TRIED) {
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        left -= 1;
        let failure = match timeout(share, reach(address, share)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::ConnectTimedOut,
        };
        last = last
            .filter(|last: &Failure| failure.is_ours() && !last.is_ours())
            .or(Some(failure));
    }
    Err(last.unwrap_or(Failure::ConnectionFailed))
}

/// Dials exactly this address.
pub(crate) async fn connect(address: SocketAddr, network: &Network) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| network.failure(address.ip(), &error))?;
    network.reached(address.ip());
    // Cannot differ as long as `connect` is given an address; guards against a name in its place.
    match stream.peer_addr() {
        Ok(peer) if peer.ip() == address.ip() && peer.port() == address.port() => Ok(stream),
        Ok(_) => Err(Failure::AddressNotAllowed),
        Err(error) => Err(Failure::of_connect(&error)),
    }
}

fn interleaved(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let mut v4 = addresses.iter().copied().filter(IpAddr::is_ipv4);
    let mut v6 = addresses.iter().copied().filter(IpAddr::is_ipv6);
    let mut v4_next = true;
    std::iter::from_fn(move || {
        let next = if v4_next {
            v4.next().or_else(|| v6.next())
        } else {
            v6.next().or_else(|| v4.next())
        };
        v4_next = !v4_next;
        next
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &[&str]) {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(interleaved(&parse(given)).collect::<Vec<_>>(), parse(expected));
    }

    #[test]
    fn families_take_turns_starting_with_ipv4() {
        check(
            &["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"],
            &["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "2001:db8::3"],
        );
        check(&["2001:db8::1"], &["2001:db8::1"]);
        check(&[], &[]);
    }
}
