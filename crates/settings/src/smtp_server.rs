//! A mail server, from its URL.

use std::fmt;
use std::str::FromStr;

use domain::connection_url::refuse_white_space;
use url::{Host, Url};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Mail submission (RFC 6409), and the same inside TLS (RFC 8314).
const PORTS: (u16, u16) = (587, 465);

/// A mail server.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    /// A name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// `None` when the server requires no authentication.
    pub credentials: Option<SmtpCredentials>,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte.
    Always,
    /// Nothing is sent before the server has changed to TLS.
    StartTls,
    /// TLS when the server offers it.
    IfOffered,
}

/// A user of the mail server. Hidden in `Debug`, overwritten when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SmtpCredentials {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for SmtpCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SmtpCredentials(hidden)")
    }
}

impl FromStr for SmtpServer {
    type Err = String;

    /// Reads a URL. Refusals never repeat any of the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let refusal = "must be an address such as smtp://user:password@mail.example.com:587";
        let url = Url::parse(text).map_err(|error| format!("{refusal} ({error})"))?;
        let inside_tls = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(format!("{refusal}: the scheme must be smtp or smtps")),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{refusal}: nothing may follow the host and port"));
        }
        let host = plain_host(&url).ok_or(format!("{refusal}: the host is missing"))?;
        let credentials = credentials(&url).map_err(|reason| format!("{refusal}: {reason}"))?;
        let port = url.port().unwrap_or(if inside_tls { PORTS.1 } else { PORTS.0 });
        let tls = match (inside_tls, &credentials) {
            (true, _) => SmtpTls::Always,
            (false, Some(_)) if !is_loopback(&host) => SmtpTls::StartTls,
            (false, _) => SmtpTls::IfOffered,
        };
        refuse_white_space(text).map_err(|error| error.to_string())?;
        Ok(Self {
            host,
            port,
            tls,
            credentials,
        })
    }
}

/// The URL library has no rules for the hosts of this scheme: it treats an IPv4 address as a name.
fn plain_host(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Ipv6(address) => Some(address.to_string()),
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Domain(name) => Some(name.to_owned()).filter(|name| !name.is_empty()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn credentials(url: &Url) -> Result<Option<SmtpCredentials>, &'static str> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err("the user's name is missing"),
        (_, None) => Err("the password is missing"),
        (user, Some(password)) => Ok(Some(SmtpCredentials {
            user: decoded(user)?,
            password: decoded(password)?,
        })),
    }
}

/// Undoes percent encoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Result<String, &'static str> {
    let no_text = "a percent sign in the name or password is written %25";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            hex(rest.next(), rest.next()).ok_or(no_text)?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).map_err(|_| no_text)
}

fn hex(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SmtpServer, String> {
        text.parse()
    }

    #[test]
    fn a_password_goes_over_tls_or_stays_on_the_machine() {
        for (text, host, port, tls) in [
            ("smtps://u:p@mail.example.com", "mail.example.com", 465, SmtpTls::Always),
            (
                "smtp://u:p@mail.example.com",
                "mail.example.com",
                587,
                SmtpTls::StartTls,
            ),
            ("smtp://u:p@10.0.0.1:25/", "10.0.0.1", 25, SmtpTls::StartTls),
            ("smtp://u:p@127.0.0.1:25", "127.0.0.1", 25, SmtpTls::IfOffered),
            ("smtp://u:p@[::1]:25", "::1", 25, SmtpTls::IfOffered),
            ("smtp://mail.example.com:25", "mail.example.com", 25, SmtpTls::IfOffered),
        ] {
            let server = parse(text).unwrap();
            assert_eq!(
                (server.host.as_str(), server.port, server.tls),
                (host, port, tls),
                "{text}"
            );
        }
    }

    #[test]
    fn names_and_passwords_are_decoded() {
        let credentials = parse("smtps://crm%40example.com:p%25%3A%C3%BC@host")
            .unwrap()
            .credentials
            .unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.as_str()),
            ("crm@example.com", "p%:ü")
        );
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for text in [
            "CANARY",
            "http://u:CANARY@host",
            "smtp://",
            "smtp://u:CANARY@",
            "smtp://CANARY@host",
            "smtp://:CANARY@host",
            "smtp://u:CANARY%@host",
            "smtp://u:CANARY%ff@host",
            "smtp://u:CANARY@host/path",
            "smtp://u:CANARY@host?tls=none",
            "smtp://u:CANARY@host:99999",
            "smtp://u:CANARY@ho st",
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(!refusal.contains("CANARY"), "{refusal}");
        }
        let shown = format!("{:?}", parse("smtp://user:CANARY@host").unwrap());
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}
