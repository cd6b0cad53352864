//! Name resolution.

mod cache;
mod families;
mod name_servers;
mod verdict;

use std::error::Error;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::Name;
use tokio::time::{Instant, sleep, timeout};

use cache::{Answer, AnswerCache, Family};
use families::{Both, ask_both};
pub use name_servers::NameServerSource;
use name_servers::{FollowedNameServers, NameServers};
use verdict::Verdict;

use crate::exhausted::is_lack_of_ours;

/// A lookup in progress.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, ResolveError>> + Send + 'a>>;

/// Finds the addresses of a host name: all of them, IPv4 and IPv6.
pub trait Resolve: Send + Sync + 'static {
    /// Resolves `host`, a name (never an IP literal), within its own timeout.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;

    /// Whether names can be resolved at all, as far as recent lookups show.
    fn is_healthy(&self) -> bool {
        true
    }
}

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    #[error("name not found")]
    NotFound,
    /// No server responded in time.
    #[error("name lookup timed out")]
    Timeout,
    /// The lookup failed otherwise.
    #[error("name lookup failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    /// Local error: no name can be resolved, because our name servers fail or cannot be reached.
    #[error("no name can be resolved")]
    Ours(#[source] Box<dyn Error + Send + Sync>),
}

/// A missing response for one family is not queried again for this long if the other had addresses.
const UNANSWERED_KEPT: Duration = Duration::from_secs(30);

/// Name servers and a hosts file, queried by our own asynchronous resolver with a cache that honours TTLs within
/// bounds.
///
/// Unlike `getaddrinfo` it needs no thread per lookup and never uses the system's search list: a customer's
/// `api.example.com` must not become `api.example.com.corp.internal`. Build one and share it: it holds the cache.
pub struct HickoryResolver {
    name_servers: FollowedNameServers,
    cache: AnswerCache,
    verdict: Verdict,
    lookup_timeout: Duration,
}

impl HickoryResolver {
    /// The recommended lookup timeout: below the default of `egress.connect_timeout`, so that a silent name server is
    /// told apart from a silent receiver.
    pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(4);

    /// Queries the name servers of `source`; its files are read now, and again when they change. A whole lookup takes
    /// `lookup_timeout` at most.
    ///
    /// # Errors
    /// [`ResolveError::Failed`] when the files cannot be read.
    pub fn new(source: NameServerSource, lookup_timeout: Duration) -> Result<Self, ResolveError> {
        let name_servers = FollowedNameServers::read(source).map_err(failed)?;
        let verdict = Verdict::new(lookup_timeout / 3);
        Ok(Self {
            name_servers,
            cache: AnswerCache::new(),
            verdict,
            lookup_timeout,
        })
    }

    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let name = absolute(host)?;
        let (servers, others) = self.name_servers.current(Instant::now());
        if others {
            self.cache.clear();
        }
        if let Some(addresses) = servers.in_hosts_file(&name) {
            return Ok(addresses);
        }
        let error = match self.lookup_while_suspicious(host, &name, &servers).await {
            Ok(addresses) => return Ok(addresses),
            Err(ResolveError::NotFound) => return Err(ResolveError::NotFound),
            Err(error) => error,
        };
        if self.verdict.is_ours(host, &servers).await {
            Err(ResolveError::Ours(Box::new(error)))
        } else {
            Err(error)
        }
    }

    /// Looks a name up. During a slow lookup the name servers are checked, so that it is known at the end whether a
    /// failure is a local error.
    async fn lookup_while_suspicious(
        &self,
        host: &str,
        name: &Name,
        servers: &Arc<NameServers>,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let examine = async {
            sleep(self.lookup_timeout / 4).await;
            self.verdict.ask(servers).await;
            std::future::pending().await
        };
        tokio::select! {
            found = timeout(self.lookup_timeout, self.ask(host, name, servers)) => {
                found.unwrap_or(Err(ResolveError::Timeout))
            }
            never = examine => never,
        }
    }

    async fn ask(&self, host: &str, name: &Name, servers: &NameServers) -> Result<Vec<IpAddr>, ResolveError> {
        let of = |family| self.ask_family(host, name, family, servers);
        let both = ask_both(of(Family::V4), of(Family::V6)).await;
        if both.unanswered == Some(Family::V6) {
            self.cache.put(
                host,
                Family::V6,
                &Answer::nothing(true, UNANSWERED_KEPT),
                Instant::now(),
            );
        }
        addresses(both)
    }

    async fn ask_family(
        &self,
        host: &str,
        name: &Name,
        family: Family,
        servers: &NameServers,
    ) -> Result<Answer, NetError> {
        if let Some(known) = self.cache.get(host, family, Instant::now()) {
            return Ok(known);
        }
        let answer = servers.ask(name, family).await?;
        self.cache.put(host, family, &answer, Instant::now());
        self.verdict.answered(name, family, &answer);
        Ok(answer)
    }
}

impl Resolve for HickoryResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(self.lookup(host))
    }

    fn is_healthy(&self) -> bool {
        self.verdict.is_healthy()
    }
}

impl std::fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HickoryResolver").finish_non_exhaustive()
    }
}

/// All addresses of a name, or the reason why there are none. If one family has none, the error of the other is the
/// reason.
fn addresses(both: Both<NetError>) -> Result<Vec<IpAddr>, ResolveError> {
    let addresses: Vec<_> = both
        .answers
        .iter()
        .flat_map(|answer| answer.addresses.iter().copied())
        .collect();
    if !addresses.is_empty() {
        return Ok(addresses);
    }
    match both.error {
        Some(error) if both.answers.iter().all(|answer| answer.exists) => Err(reason(error)),
        _ => Err(ResolveError::NotFound),
    }
}

/// With the final dot that prevents the search list (RFC 1034 §3.1), and with whatever bytes its labels have: DNS
/// accepts an underscore.
fn absolute(host: &str) -> Result<Name, ResolveError> {
    Name::from_ascii(format!("{}.", host.trim_end_matches('.'))).map_err(|_| ResolveError::NotFound)
}

fn reason(error: NetError) -> ResolveError {
    match error {
        NetError::Timeout => ResolveError::Timeout,
        NetError::Io(cause) if is_lack_of_ours(&cause) => ResolveError::Ours(Box::new(NetError::Io(cause))),
        other => failed(other),
    }
}

fn failed(error: NetError) -> ResolveError {
    ResolveError::Failed(Box::new(error))
}
