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

/// The text is not `http://host:port`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a proxy is given as http://host:port, without a user, a path or a query")]
pub struct InvalidProxyAddress;

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
        let url = Url::parse(text).map_err(|_| InvalidProxyAddress)?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if url.scheme() != "http" || !bare {
            return Err(InvalidProxyAddress);
        }
        let host = url.host_str().ok_or(InvalidProxyAddress)?;
        let port = url.port_or_known_default().ok_or(InvalidProxyAddress)?;
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
