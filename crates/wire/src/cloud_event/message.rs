//! A message of `webhooks.events`, as far as an event's form depends on it.

use std::borrow::Cow;

use super::rejection::{Rejection, RejectionReason};

/// A message of `webhooks.events`.
pub struct EventMessage<'a, 'h> {
    /// The AMQP content type; a missing one counts as JSON.
    pub content_type: Option<&'a str>,
    /// The AMQP content encoding.
    pub content_encoding: Option<&'a str>,
    /// Looks up an AMQP header. Read in binary mode only.
    pub header: &'h dyn Fn(&str) -> Option<Header<'a>>,
    /// The body.
    pub body: &'a [u8],
}

/// An AMQP header that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header<'a> {
    /// As text.
    Text(Cow<'a, str>),
    /// Of a type that no attribute has.
    Unreadable,
}

/// How an event is written.
pub(super) enum Format {
    /// The CloudEvents JSON format.
    Json,
    /// The CloudEvents protobuf format.
    Protobuf,
    /// Attributes in headers.
    Binary,
}

impl<'a> EventMessage<'a, '_> {
    /// A message without headers: one in structured mode.
    pub fn structured(body: &'a [u8]) -> Self {
        Self {
            content_type: None,
            content_encoding: None,
            header: &|_| None,
            body,
        }
    }

    /// Whether nobody has compressed the body: RFC 9110 calls the absence of an encoding `identity`; `utf-8` is a common mistake
    /// for a charset and harmless.
    pub(super) fn check_encoding(&self) -> Result<(), Rejection> {
        let encoding = self.content_encoding.unwrap_or_default();
        if matches!(
            encoding.to_ascii_lowercase().as_str(),
            "" | "identity" | "utf-8" | "utf8"
        ) {
            return Ok(());
        }
        let detail = format!("content encoding `{}` is not supported", printable(encoding));
        Err(Rejection::new(RejectionReason::UnsupportedContentEncoding, detail))
    }

    /// The content type decides, then whether there are attributes in the headers.
    pub(super) fn format(&self) -> Result<Format, Rejection> {
        let text = self.content_type.unwrap_or_default();
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media_type = parts.next().unwrap_or_default();
        let charset_is_utf8 = parts
            .filter_map(|parameter| {
                parameter
                    .strip_prefix("charset=")
                    .map(|value| value.trim_matches('"').to_owned())
            })
            .all(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"));
        let is_json = matches!(media_type.as_str(), "" | "application/json");
        let is_json_suffix = media_type.starts_with("application/") && media_type.ends_with("+json");
        match media_type.as_str() {
            "application/cloudevents+json" if charset_is_utf8 => Ok(Format::Json),
            "application/cloudevents+protobuf" => Ok(Format::Protobuf),
            _ if charset_is_utf8 && (is_json || is_json_suffix) && self.is_binary() => Ok(Format::Binary),
            _ if charset_is_utf8 && is_json => Ok(Format::Json),
            _ => Err(Rejection::new(
                RejectionReason::UnsupportedContentType,
                format!("content type `{}` is not supported", printable(text)),
            )),
        }
    }
}

/// A hostile header value, shortened and escaped for a log line.
fn printable(text: &str) -> String {
    text.chars()
        .take(80)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
