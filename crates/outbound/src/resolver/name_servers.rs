//! The name servers and the hosts file, read again when they change.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Hosts, TokioResolver};
use tokio::time::Instant;

use super::cache::{Answer, Family, MAX_ADDRESSES};

/// Timeout of one query to one name server.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Retries of a query without a response.
const QUERY_RETRIES: usize = 1;
/// The files are checked at most this often, when there is something to query.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Where the name servers are configured.
#[derive(Debug, Clone)]
pub struct NameServerSource {
    /// These; if empty, those of [`NameServerSource::resolv_conf`].
    pub addresses: Vec<SocketAddr>,
    /// A file in the form of `/etc/resolv.conf`. Its search list is not used.
    pub resolv_conf: PathBuf,
    /// A file in the form of `/etc/hosts`, whose names are not queried.
    pub hosts: PathBuf,
}

impl Default for NameServerSource {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            resolv_conf: "/etc/resolv.conf".into(),
            hosts: "/etc/hosts".into(),
        }
    }
}

/// The name servers as of the last reading.
pub(super) struct NameServers {
    resolver: TokioResolver,
    hosts: Hosts,
}

impl NameServers {
    fn read(source: &NameServerSource) -> Result<Self, NetError> {
        let (config, mut options) = if source.addresses.is_empty() {
            parse_resolv_conf(fs::read(&source.resolv_conf)?)?
        } else {
            let servers = source.addresses.iter().copied().map(name_server).collect();
            (
                ResolverConfig::from_parts(None, Vec::new(), servers),
                ResolverOpts::default(),
            )
        };
        options.timeout = QUERY_TIMEOUT;
        options.attempts = QUERY_RETRIES;
        // Responses are cached in `cache.rs`, which has a limit in bytes, and the hosts file is read here.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Self {
            resolver: builder.build()?,
            hosts: read_hosts(&source.hosts)?,
        })
    }

    /// The addresses of a name in the hosts file.
    pub(super) fn in_hosts_file(&self, name: &Name) -> Option<Vec<IpAddr>> {
        let of = |record_type| self.hosts.lookup_static_host(&Query::query(name.clone(), record_type));
        let found = [RecordType::A, RecordType::AAAA].into_iter().filter_map(of);
        let addresses: Vec<_> = found
            .flat_map(|lookup| {
                lookup
                    .answers()
                    .iter()
                    .filter_map(|record| record.data.ip_addr())
                    .collect::<Vec<_>>()
            })
            .take(MAX_ADDRESSES)
            .collect();
        (!addresses.is_empty()).then_some(addresses)
    }

    /// Queries a name's addresses of one family.
    pub(super) async fn ask(&self, name: &Name, family: Family) -> Result<Answer, NetError> {
        let record_type = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        let found = match self.resolver.lookup(name.clone(), record_type).await {
            Ok(found) => found,
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => return Ok(nothing(&none)),
            Err(error) => return Err(error),
        };
        let records = found.answers();
        let addresses = records
            .iter()
            .filter_map(|record| record.data.ip_addr())
            .take(MAX_ADDRESSES)
            .collect();
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        Ok(Answer {
            addresses,
            exists: true,
            ttl: Duration::from_secs(ttl.into()),
        })
    }

    /// Whether there is any response, even an error, to a query that every name server can answer.
    pub(super) async fn answer_at_all(&self) -> bool {
        match self.resolver.lookup(Name::root(), RecordType::NS).await {
            Ok(_) | Err(NetError::Dns(_)) => true,
            Err(_) => false,
        }
    }
}

fn nothing(none: &NoRecords) -> Answer {
    let exists = none.response_code != ResponseCode::NXDomain;
    Answer::nothing(exists, Duration::from_secs(none.negative_ttl.unwrap_or(0).into()))
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn read_hosts(path: &Path) -> io::Result<Hosts> {
    let mut hosts = Hosts::default();
    match File::open(path) {
        Ok(file) => hosts.read_hosts_conf(file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(hosts)
}

/// The current name servers.
pub(super) struct FollowedNameServers {
    source: NameServerSource,
    state: Mutex<State>,
}

struct State {
    current: Arc<NameServers>,
    stamps: [Option<Stamp>; 2],
    looked_at: Instant,
}

/// Identifies a version of a file.
type Stamp = (SystemTime, u64, u64);

impl FollowedNameServers {
    pub(super) fn read(source: NameServerSource) -> Result<Self, NetError> {
        let state = State {
            stamps: stamps(&source),
            current: Arc::new(NameServers::read(&source)?),
            looked_at: Instant::now(),
        };
        Ok(Self {
            source,
            state: Mutex::new(state),
        })
    }

    /// The current name servers, and whether they have changed.
    pub(super) fn current(&self, now: Instant) -> (Arc<NameServers>, bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(state.looked_at) < LOOK_AGAIN_AFTER {
            return (state.current.clone(), false);
        }
        state.looked_at = now;
        let stamps = stamps(&self.source);
        if stamps == state.stamps {
            return (state.current.clone(), false);
        }
        state.stamps = stamps;
        match NameServers::read(&self.source) {
            Ok(read) => {
                tracing::info!("name server configuration reloaded");
                state.current = Arc::new(read);
                (state.current.clone(), true)
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot reload the name server configuration; the previous one stays in use"
                );
                (state.current.clone(), false)
            }
        }
    }
}

/// Of both files; a missing file has none.
fn stamps(source: &NameServerSource) -> [Option<Stamp>; 2] {
    [&source.resolv_conf, &source.hosts].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resolv.conf that can be replaced atomically.
    struct Files {
        directory: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            Self {
                directory: tempfile::tempdir().unwrap(),
            }
        }

        fn source(&self) -> NameServerSource {
            let path = |name| self.directory.path().join(name);
            NameServerSource {
                addresses: Vec::new(),
                resolv_conf: path("resolv.conf"),
                hosts: path("hosts"),
            }
        }

        fn write(&self, name: &str, text: &str) {
            let new = self.directory.path().join("new");
            let path = self.directory.path().join(name);
            fs::write(&new, text).unwrap();
            fs::rename(&new, &path).unwrap();
        }
    }

    #[test]
    fn the_files_are_read_again_when_they_changed() {
        let files = Files::new();
        files.write("resolv.conf", "nameserver 192.0.2.1\n");
        let followed = FollowedNameServers::read(files.source()).unwrap();
        let mut now = Instant::now();
        let mut look_again = || {
            now += LOOK_AGAIN_AFTER;
            followed.current(now)
        };
        let name = Name::from_ascii("erp.example.com.").unwrap();
        assert!(!look_again().1);
        files.write("resolv.conf", "nameserver 192.0.2.2\n");
        assert!(look_again().1);
        assert!(!look_again().1);
        files.write("hosts", "192.0.2.7 erp.example.com\n");
        let (servers, others) = look_again();
        assert_eq!(
            (servers.in_hosts_file(&name), others),
            (Some(vec!["192.0.2.7".parse().unwrap()]), true)
        );
        // An unreadable file changes nothing.
        files.write("resolv.conf", "# none\n");
        let (servers, others) = look_again();
        assert!(!others && servers.in_hosts_file(&name).is_some());
    }

    #[test]
    fn without_a_name_server_there_is_no_resolver() {
        let files = Files::new();
        assert!(FollowedNameServers::read(files.source()).is_err());
        files.write("resolv.conf", "search example.com\n");
        assert!(FollowedNameServers::read(files.source()).is_err());
    }
}
