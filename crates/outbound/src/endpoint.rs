//! An endpoint, prepared for requests.

use std::fmt;
use std::net::IpAddr;

use domain::{EndpointUrl, endpoint_url};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Uri};
use rustls_pki_types::ServerName;

/// A webhook's URL, prepared once per webhook so that no request parses it again. Clones share the bytes. `Debug` hides
/// path and query, where receivers put keys.
#[derive(Clone)]
pub struct Endpoint {
    /// Path and query, for the request line (RFC 9112 §3.2.1).
    pub(crate) uri: Uri,
    pub(crate) host_header: HeaderValue,
    /// Host and port: the key of shared connections.
    pub(crate) authority: Authority,
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// The name that the receiver's certificate must be valid for.
    pub(crate) server_name: ServerName<'static>,
}

/// The host to dial.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    Name(Box<str>),
    Literal(IpAddr),
}

/// The URL cannot be expressed in HTTP/1.1 and TLS.
#[derive(Debug, thiserror::Error)]
#[error("the URL cannot be sent in an HTTP request")]
pub struct InvalidEndpoint;

impl Endpoint {
    /// The receiver's host: a name, or an address as written in a URL.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// Prepares `url`.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] when the URL cannot be expressed in HTTP/1.1 and TLS.
    pub fn new(url: &EndpointUrl) -> Result<Self, InvalidEndpoint> {
        let parts = url.as_str().parse::<Uri>().map_err(|_| InvalidEndpoint)?.into_parts();
        let authority = parts.authority.ok_or(InvalidEndpoint)?;
        let path_and_query = parts.path_and_query.unwrap_or(PathAndQuery::from_static("/"));
        let host = match url.host() {
            endpoint_url::Host::Domain(name) => Host::Name(name.into()),
            endpoint_url::Host::Ipv4(address) => Host::Literal(address.into()),
            endpoint_url::Host::Ipv6(address) => Host::Literal(address.into()),
        };
        Ok(Self {
            uri: path_and_query.into(),
            host_header: HeaderValue::from_str(authority.as_str()).map_err(|_| InvalidEndpoint)?,
            authority,
            server_name: host.server_name()?,
            host,
            port: url.port(),
        })
    }
}

impl Host {
    fn server_name(&self) -> Result<ServerName<'static>, InvalidEndpoint> {
        match self {
            Self::Name(name) => ServerName::try_from(name.to_string()).map_err(|_| InvalidEndpoint),
            Self::Literal(address) => Ok(ServerName::from(*address)),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::AddressPolicy;
    use proptest::prelude::*;

    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::new(&EndpointUrl::parse(url, &AddressPolicy::public_only()).unwrap()).unwrap()
    }

    fn check(url: &str, host: &str, path_and_query: &str) {
        let endpoint = endpoint(url);
        assert_eq!(endpoint.host_header, host);
        assert_eq!(endpoint.uri, path_and_query);
    }

    #[test]
    fn host_and_path_are_what_stands_in_the_request() {
        check("https://Hooks.Example.com", "hooks.example.com", "/");
        check("https://hooks.example.com:443/a?b=c", "hooks.example.com", "/a?b=c");
        check("https://hooks.example.com:8443/", "hooks.example.com:8443", "/");
        check("https://[2606:4700::1111]/x", "[2606:4700::1111]", "/x");
        check("https://hooks.example.com/%0d%0aX:y", "hooks.example.com", "/%0d%0aX:y");
    }

    #[test]
    fn debug_hides_what_may_be_a_key() {
        let shown = format!("{:?}", endpoint("https://hooks.example.com/T00/sesame?token=sesame"));
        assert!(
            shown.contains("hooks.example.com") && !shown.contains("sesame"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn every_url_that_may_be_saved_can_be_sent(path in "[ -~é☃]{0,40}", query in "[ -~é☃]{0,40}") {
            let text = format!("https://hooks.example.com/{path}?{query}");
            if let Ok(url) = EndpointUrl::parse(&text, &AddressPolicy::public_only()) {
                prop_assert!(Endpoint::new(&url).is_ok(), "{text}");
            }
        }
    }
}
