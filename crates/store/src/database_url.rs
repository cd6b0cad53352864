//! The database URL, parsed once into a client configuration: every accepted URL is usable.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use domain::connection_url::{redacted, refuse_white_space};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};

/// Timeout for one server: for the connection, and again for the sign-in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Data that is not acknowledged for this long counts as lost.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection on which nothing happens is probed after this, then at the interval, so many times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// How strictly a server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verification {
    /// The authority and the host name.
    Full,
    /// The authority only.
    Authority,
}

/// Where the database is, with the credentials to use; shown without them.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    shown: String,
    servers: Vec<Config>,
    verification: Verification,
    ca_file: Option<PathBuf>,
}

/// Why a text is not a database URL. Repeats nothing of it except the names of known parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDatabaseUrl(String);

impl DatabaseUrl {
    /// One configuration for each server, in the order in which they are tried.
    pub(crate) fn servers(&self) -> &[Config] {
        &self.servers
    }

    /// How strictly a server's certificate is verified, with TLS.
    pub(crate) fn verification(&self) -> Verification {
        self.verification
    }

    /// The file of `sslrootcert`.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Whether TLS may be used.
    pub(crate) fn may_use_tls(&self) -> bool {
        self.servers
            .iter()
            .any(|server| server.get_ssl_mode() != SslMode::Disable)
    }

    /// Whether passwords and events may cross a network unencrypted, or an attacker on the way may force that.
    pub(crate) fn may_be_in_clear(&self) -> bool {
        self.servers
            .iter()
            .any(|server| server.get_ssl_mode() != SslMode::Require && !is_local(server))
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        if !matches!(text.split_once("://"), Some(("postgres" | "postgresql", rest)) if !rest.is_empty()) {
            return Err(refused(
                "must be an address such as postgres://user:password@host:5432/database",
            ));
        }
        refuse_white_space(text).map_err(|error| refused(&error.to_string()))?;
        let Parameters {
            url,
            verification,
            ca_file,
        } = Parameters::of(text)?;
        let all: Config = url.parse().map_err(|_| refused(WRONG))?;
        Ok(Self {
            shown: redacted(text),
            servers: servers(&all)?,
            verification,
            ca_file,
        })
    }
}

const WRONG: &str = "is no address of a PostgreSQL database: in a user name or password, characters other than letters \
                     and digits are written like %40, and of the parameters one is unknown or has a value that cannot be";

fn refused(text: &str) -> InvalidDatabaseUrl {
    InvalidDatabaseUrl(text.to_owned())
}

/// The query parameters that the client does not know.
struct Parameters {
    /// The URL without them.
    url: String,
    verification: Verification,
    ca_file: Option<PathBuf>,
}

/// Known to other clients but not to this one; named in the error, so that nobody suspects a typing error.
const NOT_SUPPORTED: [&str; 12] = [
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcrl",
    "sslcrldir",
    "sslcompression",
    "gssencmode",
    "krbsrvname",
    "service",
    "passfile",
    "requiressl",
    "load_balance_hosts",
];

impl Parameters {
    fn of(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let after_credentials = text.find('@').map_or(0, |at| at + 1);
        let Some(question) = text[after_credentials..].find('?').map(|at| after_credentials + at) else {
            return Ok(Self {
                url: text.to_owned(),
                verification: Verification::Full,
                ca_file: None,
            });
        };
        let address = &text[..question];
        let parameters = &text[question + 1..];
        let mut found = Self {
            url: String::new(),
            verification: Verification::Full,
            ca_file: None,
        };
        let mut left = Vec::new();
        for parameter in parameters.split('&') {
            match parameter.split_once('=') {
                Some(("sslmode", mode)) => left.push(found.ssl_mode(mode)?),
                Some(("sslrootcert", "system")) => {}
                Some(("sslrootcert", file)) => found.ca_file = Some(decoded(file)?.into()),
                Some((name, _)) if NOT_SUPPORTED.contains(&name) => {
                    return Err(refused(&format!("has the parameter {name}, which is not supported")));
                }
                _ => left.push(parameter),
            }
        }
        let separator = if left.is_empty() { "" } else { "?" };
        found.url = format!("{address}{separator}{}", left.join("&"));
        Ok(found)
    }

    /// The client knows `require`, and verifies nothing by itself: we verify.
    fn ssl_mode(&mut self, mode: &str) -> Result<&'static str, InvalidDatabaseUrl> {
        Ok(match mode {
            "disable" => "sslmode=disable",
            "prefer" => "sslmode=prefer",
            "require" | "verify-full" => "sslmode=require",
            "verify-ca" => {
                self.verification = Verification::Authority;
                "sslmode=require"
            }
            _ => {
                return Err(refused(
                    "has an sslmode other than disable, prefer, require, verify-ca and verify-full",
                ));
            }
        })
    }
}

fn decoded(text: &str) -> Result<String, InvalidDatabaseUrl> {
    let form = format!("path={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .ok_or_else(|| refused("has an empty sslrootcert"))
}

/// Each server separately, so that each has its own timeout, and a silent one does not use up that of the next.
fn servers(all: &Config) -> Result<Vec<Config>, InvalidDatabaseUrl> {
    let hosts = all.get_hosts();
    let addresses = all.get_hostaddrs();
    let ports = all.get_ports();
    let count = hosts.len().max(addresses.len());
    if count == 0 {
        return Err(refused("names no host"));
    }
    if !(hosts.is_empty() || addresses.is_empty() || hosts.len() == addresses.len()) {
        return Err(refused("has another number of hosts than of hostaddr"));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(refused("has another number of ports than of hosts"));
    }
    let server = |index: usize| {
        let mut one = without_hosts(all, count);
        match hosts.get(index) {
            Some(Host::Tcp(host)) => drop(one.host(host.clone())),
            Some(Host::Unix(folder)) => drop(one.host_path(folder)),
            None => {}
        }
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or_else(|| ports.first()) {
            one.port(*port);
        }
        one
    };
    Ok((0..count).map(server).collect())
}

/// Everything except the hosts, with our limits as defaults.
fn without_hosts(all: &Config, count: usize) -> Config {
    let mut one = Config::new();
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    one.application_name(all.get_application_name().unwrap_or("easycrm-webhooks"));
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation());
    one.channel_binding(all.get_channel_binding())
        .load_balance_hosts(LoadBalanceHosts::Disable);
    one.connect_timeout(all.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT));
    one.tcp_user_timeout(all.get_tcp_user_timeout().copied().unwrap_or(TCP_USER_TIMEOUT));
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle().min(KEEPALIVE_IDLE));
    one.keepalives_interval(all.get_keepalives_interval().unwrap_or(KEEPALIVE_INTERVAL));
    one.keepalives_retries(all.get_keepalives_retries().unwrap_or(KEEPALIVE_RETRIES));
    // Of several servers, one is the primary.
    let any = all.get_target_session_attrs() == TargetSessionAttrs::Any;
    one.target_session_attrs(if any && count > 1 {
        TargetSessionAttrs::ReadWrite
    } else {
        all.get_target_session_attrs()
    });
    one
}

fn is_local(server: &Config) -> bool {
    if let Some(address) = server.get_hostaddrs().first() {
        return address.is_loopback();
    }
    server.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        Host::Unix(_) => true,
    })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests;
