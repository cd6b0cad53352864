//! TLS sessions of receivers, so that a new connection to a known one skips half of the handshake.

use rustls::NamedGroup;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls_pki_types::ServerName;

/// Maximum names remembered.
const NAMES: usize = 256;
/// rustls' own store keeps this many tickets of a name, and is sized by tickets.
const TICKETS_PER_NAME_IN_STORE: usize = 8;

/// Remembers [`NAMES`] names, and two tickets of each: a server sends one or two, and pooled connections need few more.
/// A hostile one can send many, and each then holds up to 64 KiB, and the certificate chain as much again.
#[derive(Debug)]
pub(crate) struct Sessions(ClientSessionMemoryCache);

impl Sessions {
    pub(crate) fn new() -> Self {
        Self(ClientSessionMemoryCache::new(NAMES * TICKETS_PER_NAME_IN_STORE))
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(name, value);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.0.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        let last = self.0.take_tls13_ticket(&name);
        while self.0.take_tls13_ticket(&name).is_some() {}
        if let Some(last) = last {
            self.0.insert_tls13_ticket(name.clone(), last);
        }
        self.0.insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(name)
    }
}
