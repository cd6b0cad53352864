//! The endpoint URL of a webhook: parsed once, then trusted.
//!
//! The text is checked before `url` parses it, because the URL standard repairs what an attacker may have broken on
//! purpose: it drops tabs and newlines, turns `\` into `/`, and accepts any number of slashes after the scheme. The
//! later checks apply to the repaired form, which is also the one that is stored, shown and dialled. Names are not
//! resolved here (today's DNS response says nothing about tomorrow's): the address policy checks the addresses at every
//! dial.

mod host_name;
mod port;

use std::fmt;
use std::net::IpAddr;

pub use url::Host;
use url::Url;

use crate::address_policy::AddressPolicy;

/// The longest URL, in bytes: as given, and in its normalised form.
pub const MAX_LENGTH: usize = 2048;

/// What every endpoint URL starts with, in any case.
const SCHEME: &str = "https://";

/// Why a text is not an endpoint URL. `Display` is a sentence for people; it never repeats the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EndpointUrlError {
    /// The text is empty.
    #[error("Webhook URL is required")]
    Missing,
    /// A control character, white space or a backslash.
    #[error("Webhook URL must not contain spaces, control characters or backslashes")]
    ForbiddenCharacter,
    /// Another scheme, or none, or no `//` after it.
    #[error("Webhook URL must use HTTPS")]
    HttpsRequired,
    /// Longer than [`MAX_LENGTH`].
    #[error("Webhook URL must have at most 2048 characters")]
    TooLong,
    /// A fragment, which is never sent.
    #[error("Webhook URL must not contain a fragment (#)")]
    Fragment,
    /// A user name or password, or an `@` that could be read as one.
    #[error("Webhook URL must not contain a user name or password")]
    UserInfo,
    /// Not a URL by the URL standard: no host, an impossible address or port.
    #[error("Webhook URL is not a valid URL")]
    Malformed,
    /// DNS cannot hold the host as a name.
    #[error("Webhook URL must contain a valid host name")]
    HostName,
    /// The host is a name without a dot, or one that is local by its last labels.
    #[error("Webhook URL must not point to a local host name")]
    LocalName,
    /// The host is an address that is not public.
    #[error("Webhook URL must not point to a private or reserved address")]
    Address,
    /// The port belongs to a service that is not the web.
    #[error("Webhook URL must not use the port of another service")]
    Port,
}

impl EndpointUrlError {
    /// The stable code of the error in the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "required",
            Self::ForbiddenCharacter => "forbidden_character",
            Self::HttpsRequired => "https_required",
            Self::TooLong => "too_long",
            Self::Fragment => "fragment_not_allowed",
            Self::UserInfo => "user_info_not_allowed",
            Self::Malformed => "malformed",
            Self::HostName => "host_name_not_valid",
            Self::LocalName => "local_name_not_allowed",
            Self::Address => "address_not_allowed",
            Self::Port => "port_not_allowed",
        }
    }
}

/// A webhook's endpoint: an absolute `https` URL that may be saved. `Debug` hides path and query, where receivers put
/// keys; for the same reason there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// Checks and normalises a URL. Spaces before and after it are dropped, as is a dot after the host name.
    ///
    /// # Errors
    /// The first of these that applies: missing, a forbidden character, not `https://`, too long, a fragment, user
    /// info, malformed, a host or port that may not be saved under `policy`.
    pub fn parse(text: &str, policy: &AddressPolicy) -> Result<Self, EndpointUrlError> {
        let text = text.trim_matches(' ');
        check_text(text)?;
        let mut url = Url::parse(text).map_err(|_| EndpointUrlError::Malformed)?;
        drop_trailing_dot(&mut url)?;
        let endpoint = Self(url);
        check_host(endpoint.host(), policy)?;
        if !port::is_allowed(endpoint.port()) {
            return Err(EndpointUrlError::Port);
        }
        if endpoint.as_str().len() > MAX_LENGTH {
            return Err(EndpointUrlError::TooLong);
        }
        Ok(endpoint)
    }

    /// The normalised URL, which is stored, shown and dialled.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host: a name in lower-case ASCII (Punycode where it was not) without a trailing dot, or an address.
    pub fn host(&self) -> Host<&str> {
        self.0.host().expect("an https URL without a host does not parse")
    }

    /// The port, 443 unless the URL names another.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().expect("https has a default port")
    }

    /// The parsed URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({}/…)", self.0.origin().ascii_serialization())
    }
}

/// A stored URL for people who may not see all of it: its scheme, host and port. Receivers put keys after the host, so
/// nothing reveals whether there is a path.
pub fn without_path(url: &str) -> String {
    let origin = Url::parse(url).map_or_else(|_| String::from("https:/"), |url| url.origin().ascii_serialization());
    format!("{origin}/…")
}

/// The checks that must be made on the text itself, before the URL standard repairs it.
fn check_text(text: &str) -> Result<(), EndpointUrlError> {
    if text.is_empty() {
        return Err(EndpointUrlError::Missing);
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(EndpointUrlError::ForbiddenCharacter);
    }
    let rest = after_scheme(text).ok_or(EndpointUrlError::HttpsRequired)?;
    if text.len() > MAX_LENGTH {
        return Err(EndpointUrlError::TooLong);
    }
    if rest.contains('#') {
        return Err(EndpointUrlError::Fragment);
    }
    match rest.split(['/', '?']).next() {
        None | Some("") => Err(EndpointUrlError::Malformed),
        Some(authority) if authority.contains('@') => Err(EndpointUrlError::UserInfo),
        Some(_) => Ok(()),
    }
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// `example.com.` and `example.com` are one host; certificates and the `Host` header know the latter.
fn drop_trailing_dot(url: &mut Url) -> Result<(), EndpointUrlError> {
    let Some(name) = url.domain().and_then(|name| name.strip_suffix('.')).map(str::to_owned) else {
        return Ok(());
    };
    url.set_host(Some(&name)).map_err(|_| EndpointUrlError::HostName)
}

fn check_host(host: Host<&str>, policy: &AddressPolicy) -> Result<(), EndpointUrlError> {
    let address = match host {
        Host::Domain(name) if !host_name::is_valid(name) => return Err(EndpointUrlError::HostName),
        Host::Domain(name) if host_name::is_local(name) && !policy.allows_local_names() => {
            return Err(EndpointUrlError::LocalName);
        }
        Host::Domain(_) => return Ok(()),
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
    };
    if policy.permits(address) {
        Ok(())
    } else {
        Err(EndpointUrlError::Address)
    }
}

#[cfg(test)]
mod tests;
