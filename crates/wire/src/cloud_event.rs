//! A CRM event as it arrives: CloudEvents 1.0, structured mode, JSON or protobuf format.
//!
//! Only the envelope is decoded; `data` stays the bytes the CRM wrote. What can never be processed is a [`Rejection`]
//! with a reason for people and one for machines.

mod json;
mod protobuf;

use std::borrow::Cow;

use domain::AccountName;

/// Deepest nesting of objects and arrays accepted in an event, its own envelope included.
pub const MAX_DEPTH: usize = 64;
/// Longest event id, in characters.
const MAX_ID_CHARS: usize = 255;
/// Longest `source`, `type` and `subject`, in bytes.
const MAX_ATTRIBUTE_BYTES: usize = 2048;

/// The checked envelope of an event, and its `data` untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrmEvent<'a> {
    /// CloudEvents `id`: 1–255 visible characters.
    pub id: Cow<'a, str>,
    /// CloudEvents `source`; with `id` the event's identity.
    pub source: Cow<'a, str>,
    /// CloudEvents `type`, not yet looked up in the catalogue.
    pub event_type: Cow<'a, str>,
    /// When it happened, as the CRM spelled it (RFC 3339); `None` when the CRM did not say.
    pub time: Option<Cow<'a, str>>,
    /// What it is about.
    pub subject: Option<Cow<'a, str>>,
    /// The tenant; `default` when the event names none.
    pub account: AccountName,
    /// W3C trace context given as an extension attribute, unchecked.
    pub traceparent: Option<Cow<'a, str>>,
    /// JSON text, byte for byte; `null` when the event has none.
    pub data: Cow<'a, str>,
}

/// Why an event can never be processed, as a closed set: the header `x-reject-reason` and the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionReason {
    /// The body exceeds `events.max_bytes`.
    TooLarge,
    /// Neither JSON nor a CloudEvents content type.
    UnsupportedContentType,
    /// A content encoding such as gzip.
    UnsupportedContentEncoding,
    /// The body is not UTF-8.
    NotUtf8,
    /// The body is not the JSON (or protobuf) it claims to be.
    Malformed,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A required attribute is missing, or an attribute has a value that is not allowed.
    InvalidAttribute,
}

impl RejectionReason {
    /// Every reason, for metrics that start at zero.
    pub const ALL: [Self; 7] = [
        Self::TooLarge,
        Self::UnsupportedContentType,
        Self::UnsupportedContentEncoding,
        Self::NotUtf8,
        Self::Malformed,
        Self::TooDeep,
        Self::InvalidAttribute,
    ];

    /// The value of `x-reject-reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::UnsupportedContentType => "unsupported_content_type",
            Self::UnsupportedContentEncoding => "unsupported_content_encoding",
            Self::NotUtf8 => "not_utf8",
            Self::Malformed => "malformed",
            Self::TooDeep => "too_deep",
            Self::InvalidAttribute => "invalid_attribute",
        }
    }
}

/// An event that can never be processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// For machines.
    pub reason: RejectionReason,
    /// For people: one sentence, at most 1 KiB, quoting nothing of `data`.
    pub detail: String,
}

impl Rejection {
    /// A rejection with its sentence.
    pub fn new(reason: RejectionReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    fn attribute(name: &str, problem: &str) -> Self {
        Self::new(RejectionReason::InvalidAttribute, format!("attribute `{name}` {problem}"))
    }
}

enum Format {
    Json,
    Protobuf,
}

/// Decodes a message of `webhooks.events`.
///
/// `content_type` and `content_encoding` are the AMQP properties; a missing content type counts as JSON.
///
/// # Errors
/// A [`Rejection`] when no later attempt could succeed either.
pub fn decode<'a>(
    content_type: Option<&str>,
    content_encoding: Option<&str>,
    body: &'a [u8],
) -> Result<CrmEvent<'a>, Rejection> {
    if let Some(encoding) = content_encoding.filter(|encoding| !is_plain_encoding(encoding)) {
        let detail = format!("content encoding `{}` is not supported", printable(encoding));
        return Err(Rejection::new(RejectionReason::UnsupportedContentEncoding, detail));
    }
    match format_of(content_type)? {
        Format::Json => json::decode(body),
        Format::Protobuf => protobuf::decode(body),
    }
}

/// RFC 9110 calls no encoding `identity`; `utf-8` is a common mistake for a charset and harmless.
fn is_plain_encoding(encoding: &str) -> bool {
    matches!(encoding.to_ascii_lowercase().as_str(), "" | "identity" | "utf-8" | "utf8")
}

fn format_of(content_type: Option<&str>) -> Result<Format, Rejection> {
    let Some(text) = content_type.filter(|text| !text.is_empty()) else { return Ok(Format::Json) };
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let media_type = parts.next().unwrap_or_default();
    let charset_is_utf8 = parts
        .filter_map(|parameter| parameter.strip_prefix("charset=").map(|value| value.trim_matches('"').to_owned()))
        .all(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"));
    match media_type.as_str() {
        "application/json" | "application/cloudevents+json" if charset_is_utf8 => Ok(Format::Json),
        "application/cloudevents+protobuf" => Ok(Format::Protobuf),
        _ => Err(Rejection::new(
            RejectionReason::UnsupportedContentType,
            format!("content type `{}` is not supported", printable(text)),
        )),
    }
}

/// The attributes of either format before they are checked.
struct Attributes<'a> {
    spec_version: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    event_type: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    account: Option<Cow<'a, str>>,
    traceparent: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    fn check(self, data: Cow<'a, str>) -> Result<CrmEvent<'a>, Rejection> {
        let spec_version = required("specversion", self.spec_version)?;
        if spec_version != "1.0" {
            return Err(Rejection::attribute("specversion", "must be `1.0`"));
        }
        let id = required("id", self.id)?;
        if !(1..=MAX_ID_CHARS).contains(&id.chars().count()) || !id.chars().all(is_visible) {
            return Err(Rejection::attribute("id", "must be 1 to 255 visible characters"));
        }
        if let Some(time) = &self.time {
            time.parse::<jiff::Timestamp>()
                .map_err(|_| Rejection::attribute("time", "must be an RFC 3339 date and time with an offset"))?;
        }
        let account = match self.account {
            None => AccountName::default_account(),
            Some(name) => name
                .parse()
                .map_err(|_| Rejection::attribute("account", "must be 1 to 128 visible ASCII characters"))?,
        };
        Ok(CrmEvent {
            id,
            source: short_text("source", required("source", self.source)?)?,
            event_type: short_text("type", required("type", self.event_type)?)?,
            time: self.time,
            subject: self.subject.map(|subject| short_text("subject", subject)).transpose()?,
            account,
            traceparent: self.traceparent,
            data,
        })
    }
}

fn required<'a>(name: &str, value: Option<Cow<'a, str>>) -> Result<Cow<'a, str>, Rejection> {
    value.ok_or_else(|| Rejection::attribute(name, "is missing"))
}

fn short_text<'a>(name: &str, value: Cow<'a, str>) -> Result<Cow<'a, str>, Rejection> {
    if value.is_empty() || value.len() > MAX_ATTRIBUTE_BYTES || value.chars().any(char::is_control) {
        return Err(Rejection::attribute(name, "must be 1 to 2048 bytes without control characters"));
    }
    Ok(value)
}

/// Neither control, nor white space, nor one of the characters that only change how others are shown.
fn is_visible(character: char) -> bool {
    let invisible = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !character.is_whitespace() && !invisible
}

/// A hostile header value, cut and made fit for a log line.
fn printable(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests;
