//! The name server of a run: every receiver has a name of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use testkit::name_server::{DnsReply, NameServer};

/// TTL of responses, in seconds: an outage must be noticed.
const TTL: u32 = 1;

pub struct Names {
    server: NameServer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    addresses: BTreeMap<String, Ipv4Addr>,
    /// Names whose zone cannot be resolved.
    failing_zones: BTreeSet<String>,
    /// The response to every query while no name resolves.
    outage: Option<DnsReply>,
}

impl Names {
    pub async fn start() -> io::Result<Self> {
        Ok(Self {
            server: NameServer::start().await?,
            state: Mutex::default(),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn add(&self, name: &str, address: Ipv4Addr) {
        self.change(|state| {
            state.addresses.insert(name.to_owned(), address);
        });
    }

    /// From now on this zone alone fails.
    pub fn fail_zone(&self, name: &str) {
        self.change(|state| {
            state.failing_zones.insert(name.to_owned());
        });
    }

    pub fn restore_zone(&self, name: &str) {
        self.change(|state| {
            state.failing_zones.remove(name);
        });
    }

    /// From now on no name resolves.
    pub fn fail_all(&self, reply: DnsReply) {
        self.change(|state| state.outage = Some(reply));
    }

    pub fn restore_all(&self) {
        self.change(|state| state.outage = None);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state: MutexGuard<'_, State> = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if let Some(reply) = &state.outage {
            self.server.answer_everything(reply.clone());
            return;
        }
        self.server.answer_everything(DnsReply::unknown());
        for (name, address) in &state.addresses {
            let fails = state.failing_zones.contains(name);
            let well = DnsReply::addresses([address.to_string().as_str()]);
            let reply = if fails { DnsReply::servfail() } else { well };
            self.server.answer(name, reply.ttl(TTL));
        }
    }
}
