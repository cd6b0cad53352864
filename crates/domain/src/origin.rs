//! An origin of web pages (RFC 6454).

use std::fmt;
use std::str::FromStr;

use url::Url;

/// Scheme, host and port, as used in a header: nothing in it needs escaping there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// The text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be origins such as https://crm.example.com; {0:?} is not one")]
pub struct InvalidOrigin(String);

impl Origin {
    /// The text, such as `https://crm.example.com`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let refusal = || Err(InvalidOrigin(text.to_owned()));
        let Ok(url) = Url::parse(text) else { return refusal() };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        // URLs allow more in a host than a policy should be given, `*` and `;` among it.
        let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        let plain = url.host_str().is_some_and(|host| host.bytes().all(in_host));
        if matches!(url.scheme(), "http" | "https") && bare && anonymous && plain {
            Ok(Self(url.origin().ascii_serialization()))
        } else {
            refusal()
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
