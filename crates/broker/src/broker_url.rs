//! The broker's URL.

use std::fmt;

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

/// A text that is not an AMQP URL. It does not quote the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an AMQP URL of the form amqp://user:password@host:port/vhost")]
pub struct InvalidUrl;

impl BrokerUrl {
    pub(crate) fn uri(&self) -> &AMQPUri {
        &self.0
    }
}

impl std::str::FromStr for BrokerUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let mut uri: AMQPUri = text.parse().map_err(|_| InvalidUrl)?;
        match Url::parse(text).map_err(|_| InvalidUrl)?.host() {
            // The URI parser knows names only, and replaces such an address by `localhost`.
            Some(Host::Ipv6(address)) => uri.authority.host = address.to_string(),
            Some(_) => {}
            None => return Err(InvalidUrl),
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
}
