//! The health of the egress.

/// The health of our egress, as far as recent attempts show. Attempts themselves detect a fault; it counts as over with
/// the first attempt that succeeds, or when none has needed the part for five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EgressHealth {
    /// Names are resolved.
    pub names: bool,
    /// The proxy opens connections; also true without a proxy.
    pub proxy: bool,
    /// There are sockets, and a route for them.
    pub network: bool,
}

impl EgressHealth {
    /// Whether everything works.
    pub fn is_good(self) -> bool {
        self.names && self.proxy && self.network
    }
}
