//! A CRM event as it arrives: CloudEvents 1.0, structured mode, JSON or protobuf format.
//!
//! Only the envelope is decoded; `data` stays the bytes the CRM wrote. An event that can never be processed is a
//! [`Rejection`], with a reason code and a text.

mod attributes;
mod json;
mod protobuf;
mod rejection;
mod time;

pub use attributes::CrmEvent;
pub use rejection::{Rejection, RejectionReason};

/// Decodes a message of `webhooks.events` of at most `max_bytes`, as [`decode`] does.
///
/// # Errors
/// A [`Rejection`] when no later attempt could succeed either.
pub fn decode_within<'a>(
    max_bytes: usize,
    content_type: Option<&str>,
    content_encoding: Option<&str>,
    body: &'a [u8],
) -> Result<CrmEvent<'a>, Rejection> {
    if body.len() > max_bytes {
        let detail = format!("{} bytes, more than the {max_bytes} accepted", body.len());
        return Err(Rejection::new(RejectionReason::TooLarge, detail));
    }
    decode(content_type, content_encoding, body)
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

/// RFC 9110 calls the absence of an encoding `identity`; `utf-8` is a common mistake for a charset and harmless.
fn is_plain_encoding(encoding: &str) -> bool {
    matches!(
        encoding.to_ascii_lowercase().as_str(),
        "" | "identity" | "utf-8" | "utf8"
    )
}

fn format_of(content_type: Option<&str>) -> Result<Format, Rejection> {
    let Some(text) = content_type.filter(|text| !text.is_empty()) else {
        return Ok(Format::Json);
    };
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let media_type = parts.next().unwrap_or_default();
    let charset_is_utf8 = parts
        .filter_map(|parameter| {
            parameter
                .strip_prefix("charset=")
                .map(|value| value.trim_matches('"').to_owned())
        })
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

/// A hostile header value, shortened and escaped for a log line.
fn printable(text: &str) -> String {
    text.chars()
        .take(80)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
