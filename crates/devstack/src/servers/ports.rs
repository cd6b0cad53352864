//! Free loopback ports that stay free until a server binds them.
//!
//! They lie outside the ephemeral range (`ip_local_port_range`): a port inside it can become the local end of anybody's
//! outgoing connection between the probe and the server's own bind, or while the server is down between two runs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// First choice: below Linux's default ephemeral range (32768), above the ports of servers people run.
const PREFERRED: Range<u16> = 28000..32768;
/// A range smaller than this soon has no free ports left.
const SMALLEST: u16 = 1000;

/// Ports found by this process. Held until it ends: a server that is stopped and started again must find its port free,
/// whatever other tests have started meanwhile.
static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Finds `N` different ports of 127.0.0.1 without a listener, which no other process of ours has reserved.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let range = candidates(ephemeral_range());
    let mut found = BTreeSet::new();
    while found.len() < N {
        let random = u16::from_ne_bytes(random_bytes());
        let port = range.start + random % (range.end - range.start);
        if is_free(port) && reserve(port) {
            found.insert(port);
        }
    }
    let mut ports = found.into_iter();
    std::array::from_fn(|_| ports.next().expect("as many as were asked for were found"))
}

/// False when a process of ours has reserved it before. Where no file can be locked, nothing is reserved.
fn reserve(port: u16) -> bool {
    let directory = std::env::temp_dir().join("easycrm-webhooks-ports");
    let opened = fs::create_dir_all(&directory).and_then(|()| File::create(directory.join(port.to_string())));
    let Ok(file) = opened else { return true };
    if file.try_lock().is_err() {
        return false;
    }
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    true
}

/// Whether a server could bind this port of 127.0.0.1 now.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Random bytes from the operating system.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// First and last ephemeral port; Linux's default when `/proc` does not say.
fn ephemeral_range() -> (u16, u16) {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().map_while(|bound| bound.parse().ok());
    (bounds.next().unwrap_or(32768), bounds.next().unwrap_or(60999))
}

fn candidates((first, last): (u16, u16)) -> Range<u16> {
    if first >= PREFERRED.start + SMALLEST {
        PREFERRED.start..first.min(PREFERRED.end)
    } else if last < u16::MAX - SMALLEST {
        last + 1..u16::MAX
    } else {
        PREFERRED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_avoid_the_ephemeral_range_where_that_leaves_room() {
        assert_eq!(candidates((32768, 60999)), 28000..32768);
        assert_eq!(candidates((30000, 60999)), 28000..30000);
        assert_eq!(candidates((1024, 60999)), 61000..65535);
        assert_eq!(candidates((1024, 65535)), 28000..32768);
    }

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }

    #[test]
    fn ports_are_different_and_free() {
        let ports: [u16; 6] = free_ports();
        assert_eq!(BTreeSet::from(ports).len(), 6);
        assert!(ports.into_iter().all(is_free));
    }
}
