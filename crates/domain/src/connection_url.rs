//! URLs of servers, which may carry a password.

/// The text holds white space or control characters: mostly a second newline at the end of a file, which would become
/// part of the last name in the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must not hold white space or control characters")]
pub struct WhiteSpace;

/// Refuses white space and control characters, which URL parsers drop or encode.
pub fn refuse_white_space(text: &str) -> Result<(), WhiteSpace> {
    if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err(WhiteSpace);
    }
    Ok(())
}

/// The URL without its secrets: with scheme, user name, hosts and path. Everything between `://` and the last `@` counts
/// as credentials, even where an unescaped password holds a `/`, `?` or `#`; parameters are hidden unless they are known
/// to be harmless.
pub fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (credentials, location) = rest
        .rsplit_once('@')
        .map_or((None, rest), |(before, after)| (Some(before), after));
    let (location, parameters) = location
        .split_once(['?', '#'])
        .map_or((location, None), |(l, p)| (l, Some(p)));
    let mut shown = format!("{scheme}://");
    if let Some(credentials) = credentials {
        let user = credentials.split_once(':').map_or("", |(user, _)| user);
        shown.push_str(&format!("{user}:***@"));
    }
    shown.push_str(location);
    for (index, parameter) in parameters.iter().flat_map(|all| all.split('&')).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some(("sslmode", _)) => shown.push_str(parameter),
            _ => shown.push_str("***"),
        }
    }
    shown
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
            assert_eq!(redacted(text), expected);
        }
    }
}
