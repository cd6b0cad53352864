//! `[http]`: the server of the admin API and the console, and its public URL.

use std::fmt;
use std::net::SocketAddr;

use domain::Origin;
use url::Url;

use crate::parse::{parsed, socket_address};
use crate::reader::Reader;

/// The admin API and console.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Scheme, host and port as browsers see them; links are built from it and [`HttpSettings::base_path`].
    pub public_url: Url,
    /// The path below the public URL under which everything is mounted.
    pub base_path: BasePath,
    /// Origins whose pages may show the console in a frame.
    pub frame_ancestors: Vec<Origin>,
}

impl HttpSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let listen = reader.value("http.listen", "127.0.0.1:8080", socket_address);
        let public_url = reader.value("http.public_url", &format!("http://{listen}"), public_url);
        let base_path = reader.value("http.base_path", "/", BasePath::parse);
        let frame_ancestors = reader.list("http.frame_ancestors", &[], parsed::<Origin>);
        Self {
            listen,
            public_url,
            base_path,
            frame_ancestors,
        }
    }
}

fn public_url(text: &str) -> Result<Url, String> {
    let refusal = "must be an address such as https://crm.example.com";
    let url = Url::parse(text).map_err(|error| format!("{refusal} ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{refusal}: the scheme must be http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{refusal}: a user name or password has no place in it"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "{refusal}: nothing may follow the host and port (a path belongs into http.base_path)"
        ));
    }
    Ok(url)
}

/// An absolute path without a slash at its end: empty for the root, else such as `/apps/webhooks`. A route is appended
/// to it as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// The text to put before a route that begins with a slash: empty for the root.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        if trimmed.is_empty() {
            return Ok(Self::default());
        }
        let Some(segments) = trimmed.strip_prefix('/') else {
            return Err("must begin with a slash, such as /apps/webhooks".to_owned());
        };
        if segments.split('/').all(is_plain_segment) {
            Ok(Self(trimmed.to_owned()))
        } else {
            Err("must be made of names with letters, digits, `-`, `_`, `.` or `~`, such as /apps/webhooks".to_owned())
        }
    }
}

/// Only RFC 3986 section 2.3 unreserved characters, so that the path needs no escaping anywhere, and no dot segments.
fn is_plain_segment(segment: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(unreserved)
}

impl fmt::Display for BasePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}
