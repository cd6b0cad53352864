//! Names to addresses.

use std::error::Error;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio::time::timeout;

/// A lookup under way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, ResolveError>> + Send + 'a>>;

/// Finds the addresses of a host name: all of them, IPv4 and IPv6.
pub trait Resolve: Send + Sync + 'static {
    /// Resolves `host`, a name (never an IP literal), within a deadline of its own.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    #[error("name not found")]
    NotFound,
    /// No server answered in time.
    #[error("name lookup timed out")]
    Timeout,
    /// The lookup failed otherwise.
    #[error("name lookup failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// One question to one name server.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Questions asked again after the first went unanswered.
const QUERY_RETRIES: usize = 1;
/// A whole lookup: below the default of `egress.connect_timeout`, so that a silent name server is told apart from a
/// silent receiver.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(4);

/// The system's name servers and hosts file, asked by our own asynchronous resolver with a cache that honours TTLs.
///
/// Unlike `getaddrinfo` it needs no thread per lookup and never tries the system's search list: a customer's
/// `api.example.com` must not become `api.example.com.corp.internal`. Build one and share it: it holds the cache.
pub struct HickoryResolver(TokioResolver);

impl HickoryResolver {
    /// Reads `/etc/resolv.conf` and `/etc/hosts`, once.
    ///
    /// # Errors
    ///
    /// [`ResolveError::Failed`] when the system's configuration cannot be read.
    pub fn from_system() -> Result<Self, ResolveError> {
        Self::from_builder(TokioResolver::builder_tokio().map_err(failed)?)
    }

    fn from_builder(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, ResolveError> {
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = QUERY_TIMEOUT;
        options.attempts = QUERY_RETRIES;
        Ok(Self(builder.build().map_err(failed)?))
    }

    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match timeout(LOOKUP_TIMEOUT, self.0.lookup_ip(absolute(host))).await {
            Ok(Ok(found)) => Ok(found.iter().collect()),
            Ok(Err(error)) => Err(reason(error)),
            Err(_) => Err(ResolveError::Timeout),
        }
    }
}

impl Resolve for HickoryResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(self.lookup(host))
    }
}

impl std::fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HickoryResolver").finish_non_exhaustive()
    }
}

/// With the final dot that keeps the search list away (RFC 1034 §3.1).
fn absolute(host: &str) -> String {
    format!("{}.", host.trim_end_matches('.'))
}

fn reason(error: NetError) -> ResolveError {
    if error.is_no_records_found() {
        return ResolveError::NotFound;
    }
    match error {
        NetError::Timeout => ResolveError::Timeout,
        other => failed(other),
    }
}

fn failed(error: NetError) -> ResolveError {
    ResolveError::Failed(Box::new(error))
}

#[cfg(test)]
mod tests;
