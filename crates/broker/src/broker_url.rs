//! The broker's URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use domain::connection_url::{WhiteSpace, refuse_white_space};
use lapin::uri::AMQPUri;
use url::{Host, Url};

/// RabbitMQ's default. It bounds the headers of a message, which are one frame: RabbitMQ does not check a published
/// message against the frame size that a consumer negotiated, and a larger frame than negotiated ends the connection.
/// lapin reserves 64 of them per connection, which become memory when they are used.
const FRAME_MAX_BYTES: u32 = 128 * 1024;
/// A silent peer is detected after two of these.
const HEARTBEAT_SECONDS: u16 = 10;

/// Address and credentials of the broker; shown with the password hidden.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl(AMQPUri);

/// The broker's settings.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Its URL.
    pub url: BrokerUrl,
    /// The file that the URL was read from, if any: read again when no connection can be opened.
    pub url_file: Option<PathBuf>,
}

/// Why a text is not a broker's URL. Repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBrokerUrl {
    /// It does not have the form of an address.
    #[error("must be an address such as amqp://user:password@host:5672/%2f{0}")]
    Form(String),
    /// It holds white space or control characters.
    #[error(transparent)]
    WhiteSpace(#[from] WhiteSpace),
    /// The client cannot read it: of the parameters one is unknown or has an invalid value.
    #[error("is not an AMQP URL of the form amqp://user:password@host:port/vhost")]
    Unreadable,
}

impl BrokerUrl {
    pub(crate) fn uri(&self) -> &AMQPUri {
        &self.0
    }
}

impl FromStr for BrokerUrl {
    type Err = InvalidBrokerUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBrokerUrl> {
        let form = |reason: &str| InvalidBrokerUrl::Form(reason.to_owned());
        let url = Url::parse(text).map_err(|error| form(&format!(" ({error})")))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(form(": the scheme must be amqp or amqps"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(form(": the host is missing"));
        }
        if url.path().matches('/').count() > 1 {
            return Err(form(": a slash in the virtual host's name is written %2f"));
        }
        refuse_white_space(text)?;
        let mut uri: AMQPUri = text.parse().map_err(|_| InvalidBrokerUrl::Unreadable)?;
        // The URI parser knows names only, and replaces such an address by `localhost`.
        if let Some(Host::Ipv6(address)) = url.host() {
            uri.authority.host = address.to_string();
        }
        // Strictly, RabbitMQ's URI scheme reads a final slash as a virtual host with an empty name, which nobody uses.
        if uri.vhost.is_empty() {
            uri.vhost = "/".to_owned();
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        uri.query.frame_max.get_or_insert(FRAME_MAX_BYTES);
        Ok(Self(uri))
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.0.authority;
        match authority.host.contains(':') {
            true => write!(f, "[{}]:{}/{}", authority.host, authority.port, self.0.vhost),
            false => write!(f, "{}:{}/{}", authority.host, authority.port, self.0.vhost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dialled_is_what_was_written() {
        let cases = [
            ("amqp://u:p@broker.example.com:5673/crm", "broker.example.com:5673/crm"),
            ("amqp://u:p@[fd00::1]:5672/%2f", "[fd00::1]:5672//"),
            ("amqp://[::1]", "[::1]:5672//"),
            ("amqp://127.0.0.1:1/v", "127.0.0.1:1/v"),
            ("amqps://broker", "broker:5671//"),
            ("amqp://broker:5672/", "broker:5672//"),
            ("amqp://broker:5672", "broker:5672//"),
            ("amqp://broker/a%2fb", "broker:5672/a/b"),
        ];
        for (text, expected) in cases {
            let url: BrokerUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), expected, "{text}");
        }
        for bad in [
            "broker",
            "http://broker",
            "amqp:///v",
            "amqp://[fd00::1",
            "amqp://broker?heartbeat=often",
        ] {
            assert!(bad.parse::<BrokerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn broker_addresses() {
        for good in [
            "amqp://h",
            "amqps://u:p@h:5671/v",
            "amqp://u:p@[::1]:5672/%2f?heartbeat=10",
            "amqp://h/",
        ] {
            assert!(good.parse::<BrokerUrl>().is_ok(), "{good}");
        }
        let bad = [
            "h:5672",
            "http://h",
            "amqp://",
            "amqp:///v",
            "amqp://h:99999",
            "amqp://h/a/b",
            "amqp:h",
            "",
        ];
        for text in bad {
            let error = text.parse::<BrokerUrl>().unwrap_err().to_string();
            assert!(error.starts_with("must be an address such as amqp://"), "{text}");
        }
    }
}
