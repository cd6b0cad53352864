//! The CloudEvents JSON format.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::attributes::{Attributes, CrmEvent};
use super::rejection::{MAX_DEPTH, Rejection, RejectionReason};
use crate::nesting;

/// The attributes we use; others are ignored. serde rejects a duplicate known attribute, on purpose: choosing one of
/// the two would be a guess.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type")]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    traceparent: Option<Cow<'a, str>>,
    /// Of any type: events with an extension of this name were accepted before we read it.
    #[serde(borrow, default)]
    actor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data_base64: Option<&'a RawValue>,
}

pub(super) fn decode(body: &[u8]) -> Result<CrmEvent<'_>, Rejection> {
    let text = utf8(body)?;
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|e| rejection(&e))?;
    if nesting::depth(text) > MAX_DEPTH {
        let detail = format!("nested deeper than {MAX_DEPTH} levels");
        return Err(Rejection::new(RejectionReason::TooDeep, detail));
    }
    if envelope.data_base64.is_some() {
        return Err(Rejection::attribute(
            "data_base64",
            "is not supported: send JSON in `data`",
        ));
    }
    let data = envelope.data.map_or("null", RawValue::get);
    Attributes {
        spec_version: envelope.specversion,
        id: envelope.id,
        source: envelope.source,
        event_type: envelope.event_type,
        time: envelope.time,
        subject: envelope.subject,
        account: envelope.account,
        traceparent: envelope.traceparent,
        actor: envelope.actor.and_then(actor),
    }
    .check(Cow::Borrowed(data))
}

/// A text, or a number as it is written; what has another type names nobody.
fn actor(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok().map(Cow::Owned),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(text)),
        _ => None,
    }
}

/// The text of a body.
pub(super) fn utf8(body: &[u8]) -> Result<&str, Rejection> {
    let text = std::str::from_utf8(body).map_err(|e| {
        Rejection::new(
            RejectionReason::NotUtf8,
            format!("not UTF-8 at byte {}", e.valid_up_to()),
        )
    })?;
    Ok(without_mark(text))
}

/// `data` that stands alone, in what `place` names. The message itself counts as one level, as the envelope of the JSON format does.
pub(super) fn one_document<'a>(text: &'a str, place: &str) -> Result<&'a str, Rejection> {
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|_| Rejection::new(RejectionReason::Malformed, format!("{place} is not one JSON document")))?;
    if nesting::depth(text) + 1 > MAX_DEPTH {
        let detail = format!("nested deeper than {MAX_DEPTH} levels");
        return Err(Rejection::new(RejectionReason::TooDeep, detail));
    }
    Ok(raw.get())
}

/// JSON text without the byte-order mark that some producers write; a reader may ignore it (RFC 8259, section 8.1).
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// serde's message may quote the offending value, so only the position is passed on.
fn rejection(error: &serde_json::Error) -> Rejection {
    let (reason, what) = match error.classify() {
        serde_json::error::Category::Data => (
            RejectionReason::InvalidAttribute,
            "an attribute is repeated or not of its type, or the event is no object",
        ),
        _ => (RejectionReason::Malformed, "not one JSON document"),
    };
    Rejection::new(
        reason,
        format!("{what} (line {}, column {})", error.line(), error.column()),
    )
}
