//! Request headers that an administrator adds to a webhook's requests.

use std::fmt;

/// Most headers of one webhook.
pub const MAX_REQUEST_HEADERS: usize = 20;
/// Names and values of all headers of one webhook together, in bytes.
pub const MAX_REQUEST_HEADERS_BYTES: usize = 4096;

/// Ours, and those that describe the message or the connection and not the request (RFC 9110 §7.6.1).
const REFUSED: [&str; 12] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "user-agent",
    "traceparent",
    "tracestate",
];
const REFUSED_PREFIXES: [&str; 2] = ["content-", "webhook-"];
/// A name with one of these in it is sensitive whatever an administrator says: its value is a credential. `auth` is in
/// `authorization`, too, and in `x-author`: a value too many that is not shown costs nothing.
const SENSITIVE_PARTS: [&str; 10] = [
    "auth",
    "cookie",
    "cred",
    "key",
    "pass",
    "pwd",
    "secret",
    "session",
    "signature",
    "token",
];

/// A valid header. `Debug` shows no value.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHeader {
    name: String,
    value: String,
    sensitive: bool,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestHeaderError {
    /// RFC 9110 §5.6.2.
    #[error("A header name consists of letters, digits and the characters !#$%&'*+-.^_`|~")]
    Name,
    /// The service sets it, or it belongs to the connection.
    #[error("This header is set by the service and cannot be replaced")]
    Reserved,
    /// RFC 9110 §5.5, ASCII only.
    #[error("A header value consists of visible ASCII characters and spaces, and neither begins nor ends with a space")]
    Value,
    /// A value was left out, and none is stored.
    #[error("A value is required")]
    Required,
}

impl RequestHeaderError {
    /// The machine-readable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Name => "invalid_header_name",
            Self::Reserved => "reserved_header",
            Self::Value => "invalid_header_value",
            Self::Required => "required",
        }
    }
}

impl RequestHeader {
    /// A header; `sensitive` also by its name.
    ///
    /// # Errors
    /// [`RequestHeaderError`] except `Required`.
    pub fn new(name: &str, value: &str, sensitive: bool) -> Result<Self, RequestHeaderError> {
        let name = Self::checked_name(name)?;
        let visible = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !visible || value.trim() != value {
            return Err(RequestHeaderError::Value);
        }
        Ok(Self {
            sensitive: sensitive || Self::is_sensitive_name(&name),
            value: value.to_owned(),
            name,
        })
    }

    /// A header as it was stored. It was checked when it was saved: rules of a later release must not fail deliveries.
    pub const fn stored(name: String, value: String, sensitive: bool) -> Self {
        Self { name, value, sensitive }
    }

    /// The name in lower case, if an administrator may set it.
    ///
    /// # Errors
    /// [`RequestHeaderError::Name`] and [`RequestHeaderError::Reserved`].
    pub fn checked_name(name: &str) -> Result<String, RequestHeaderError> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
            return Err(RequestHeaderError::Name);
        }
        let name = name.to_ascii_lowercase();
        if REFUSED.contains(&name.as_str()) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(RequestHeaderError::Reserved);
        }
        Ok(name)
    }

    /// Whether the name alone says that the value is a credential.
    pub fn is_sensitive_name(name: &str) -> bool {
        SENSITIVE_PARTS.iter().any(|part| name.contains(part))
    }

    /// In lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, which may be a credential.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Whether the value is never shown again.
    pub const fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// Its share of [`MAX_REQUEST_HEADERS_BYTES`].
    pub fn bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

impl fmt::Debug for RequestHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestHeader({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_and_not_ours() {
        for name in ["X-Env", "authorization", "x-api-key", "accept", "a!#$%&'*+.^_`|~b"] {
            assert_eq!(
                RequestHeader::checked_name(name),
                Ok(name.to_ascii_lowercase()),
                "{name}"
            );
        }
        for name in ["", "x y", "x:y", "x\r\ny", "é", "x(y)", &"x".repeat(257)] {
            assert_eq!(
                RequestHeader::checked_name(name),
                Err(RequestHeaderError::Name),
                "{name}"
            );
        }
        for name in [
            "Host",
            "Content-Type",
            "content-length",
            "Webhook-Id",
            "TE",
            "User-Agent",
            "Upgrade",
            "traceparent",
        ] {
            assert_eq!(
                RequestHeader::checked_name(name),
                Err(RequestHeaderError::Reserved),
                "{name}"
            );
        }
    }

    #[test]
    fn values_cannot_end_the_header() {
        for value in ["", "Bearer abc", "a\"b", "~"] {
            assert!(RequestHeader::new("x-env", value, false).is_ok(), "{value}");
        }
        for value in [" a", "a ", "a\r\nb: c", "a\tb", "\0", "é", "\u{7f}"] {
            assert_eq!(
                RequestHeader::new("x-env", value, false),
                Err(RequestHeaderError::Value),
                "{value:?}"
            );
        }
    }

    #[test]
    fn credentials_are_sensitive_by_name_and_never_shown() {
        for name in [
            "Authorization",
            "cookie",
            "X-API-Key",
            "x-token",
            "my-secret-x",
            "x-hub-signature-256",
            "proxy-authorization",
            "X-Auth",
            "x-password",
            "x-pwd",
            "x-session-id",
            "x-credentials",
        ] {
            let header = RequestHeader::new(name, "s3same", false).unwrap();
            assert!(
                header.is_sensitive() && !format!("{header:?}").contains("s3same"),
                "{name}"
            );
        }
        assert!(!RequestHeader::new("x-env", "prod", false).unwrap().is_sensitive());
        assert!(RequestHeader::new("x-env", "prod", true).unwrap().is_sensitive());
    }
}
