//! The address of the operator's egress proxy.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// A CONNECT proxy, `http://host:port`.
///
/// Every connection then goes through it, and its address is not subject to the address policy. Names are still
/// resolved and checked here: the proxy gets the checked address and never a name, which it might resolve differently.
/// TLS inside the tunnel is between us and the receiver, by the receiver's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress {
    host: String,
    port: u16,
}

/// The text is not `http://host:port`. Repeats nothing of it: people put passwords into proxy URLs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be an address such as http://proxy.example.com:3128{0}")]
pub struct InvalidProxyAddress(String);

impl ProxyAddress {
    /// Name or address, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ProxyAddress {
    type Err = InvalidProxyAddress;

    fn from_str(text: &str) -> Result<Self, InvalidProxyAddress> {
        let refused = |reason: &str| InvalidProxyAddress(reason.to_owned());
        let url = Url::parse(text).map_err(|error| refused(&format!(" ({error})")))?;
        if url.scheme() != "http" {
            return Err(refused(": the proxy itself is spoken to over http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(": a user name or password is not supported"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refused(": nothing may follow the host and port"));
        }
        let host = url.host_str().ok_or_else(|| refused(""))?;
        let port = url.port_or_known_default().ok_or_else(|| refused(""))?;
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
        })
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "http://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "http://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let shown = text.parse::<ProxyAddress>().ok().map(|proxy| proxy.to_string());
        assert_eq!(shown.as_deref(), expected, "{text}");
    }

    #[test]
    fn only_a_bare_http_address_is_a_proxy() {
        check("http://proxy.corp:3128", Some("http://proxy.corp:3128"));
        check("http://10.0.0.1:3128/", Some("http://10.0.0.1:3128"));
        check("http://[fd00::1]:3128", Some("http://[fd00::1]:3128"));
        check("http://proxy.corp", Some("http://proxy.corp:80"));
        check("https://proxy.corp:3128", None);
        check("socks5://proxy.corp:1080", None);
        check("http://user:secret@proxy.corp:3128", None);
        check("http://proxy.corp:3128/path", None);
        check("proxy.corp:3128", None);
        check("", None);
    }
}
