//! A URL that may carry a password.

use std::fmt;

use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Where a server is, with the credentials to use. `Debug` and `Display` hide them; overwritten when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ConnectionUrl(String);

impl ConnectionUrl {
    /// The whole URL, for the connection only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Reads a broker's URL. Refusals never repeat any of the text.
pub(super) fn amqp(text: &str) -> Result<ConnectionUrl, String> {
    let refusal = "must be an address such as amqp://user:password@host:5672/%2f";
    let url = Url::parse(text).map_err(|error| format!("{refusal} ({error})"))?;
    if !matches!(url.scheme(), "amqp" | "amqps") {
        return Err(format!("{refusal}: the scheme must be amqp or amqps"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(format!("{refusal}: the host is missing"));
    }
    if url.path().matches('/').count() > 1 {
        return Err(format!("{refusal}: a slash in the virtual host's name is written %2f"));
    }
    without_white_space(text)
}

/// Mostly a second newline at the end of a file, which would become part of the last name in the URL.
pub(super) fn without_white_space(text: &str) -> Result<ConnectionUrl, String> {
    if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err("must not hold white space or control characters".to_owned());
    }
    Ok(ConnectionUrl(text.to_owned()))
}

impl fmt::Display for ConnectionUrl {
    /// Keeps scheme, user name, hosts and path. Everything between `://` and the last `@` counts as credentials, even
    /// where an unescaped password holds a `/`, `?` or `#`; parameters are hidden unless they are known to be harmless.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let (credentials, location) = rest
            .rsplit_once('@')
            .map_or((None, rest), |(before, after)| (Some(before), after));
        let (location, parameters) = location
            .split_once(['?', '#'])
            .map_or((location, None), |(l, p)| (l, Some(p)));
        write!(formatter, "{scheme}://")?;
        if let Some(credentials) = credentials {
            let user = credentials.split_once(':').map_or("", |(user, _)| user);
            write!(formatter, "{user}:***@")?;
        }
        formatter.write_str(location)?;
        for (index, parameter) in parameters.iter().flat_map(|all| all.split('&')).enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            match parameter.split_once('=') {
                Some(("sslmode", _)) => write!(formatter, "{separator}{parameter}")?,
                _ => write!(formatter, "{separator}***")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConnectionUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_holds_no_credentials() {
        let shown = [
            (
                "amqp://guest:CANARY@127.0.0.1:5672/%2f",
                "amqp://guest:***@127.0.0.1:5672/%2f",
            ),
            ("amqps://broker.example.com", "amqps://broker.example.com"),
            ("amqp://CANARY@host/vhost", "amqp://:***@host/vhost"),
            ("amqp://u:CAN/ARY?CAN#ARY@host/vhost", "amqp://u:***@host/vhost"),
            ("amqp://u:CAN@ARY@host", "amqp://u:***@host"),
            (
                "postgres://u:CANARY@a:1,b:2/crm?sslmode=require",
                "postgres://u:***@a:1,b:2/crm?sslmode=require",
            ),
            (
                "postgres://host/crm?user=u&password=CANARY&sslmode=x",
                "postgres://host/crm?***&***&sslmode=x",
            ),
            ("postgres:///crm?password=CAN@ARY", "postgres://:***@ARY"),
            ("postgres://host/crm#CANARY", "postgres://host/crm?***"),
        ];
        for (text, expected) in shown {
            let url = ConnectionUrl(text.to_owned());
            assert_eq!(url.to_string(), expected);
            assert_eq!(format!("{url:?}"), format!("ConnectionUrl({expected})"));
            assert_eq!(url.expose(), text);
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
            assert!(amqp(good).is_ok(), "{good}");
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
            assert!(
                amqp(text)
                    .unwrap_err()
                    .starts_with("must be an address such as amqp://"),
                "{text}"
            );
        }
    }
}
