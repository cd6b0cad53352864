//! CloudEvents binary mode: attributes are AMQP headers, and the body is `data` (CloudEvents AMQP protocol binding 1.0, section 3.1).

use std::borrow::Cow;

use super::attributes::{Attributes, CrmEvent};
use super::json;
use super::message::{EventMessage, Header};
use super::rejection::Rejection;

/// What precedes an attribute's name in its header. The second one is for clients to which a colon is not allowed.
const PREFIXES: [&str; 2] = ["cloudEvents:", "cloudEvents_"];

/// Looked up for each event, and therefore not put together each time.
const SPEC_VERSION: [&str; 2] = ["cloudEvents:specversion", "cloudEvents_specversion"];

impl<'a> EventMessage<'a, '_> {
    /// An attribute's value in the headers. One that is there and cannot be read is not taken for a missing one: an event would
    /// belong to another account.
    fn attribute(&self, name: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        let mut headers = PREFIXES.iter().map(|prefix| (self.header)(&format!("{prefix}{name}")));
        match headers.find_map(|header| header) {
            None => Ok(None),
            Some(Header::Text(text)) => Ok(Some(text)),
            Some(Header::Unreadable) => Err(Rejection::attribute(name, "must be a text")),
        }
    }

    /// Whether the headers have the attribute that every event has.
    pub(super) fn is_binary(&self) -> bool {
        SPEC_VERSION.iter().any(|name| (self.header)(name).is_some())
    }
}

/// An empty body is an event without `data`.
pub(super) fn decode<'a>(message: &EventMessage<'a, '_>) -> Result<CrmEvent<'a>, Rejection> {
    let text = json::utf8(message.body)?;
    let data = if text.is_empty() {
        "null"
    } else {
        json::one_document(text, "the body")?
    };
    Attributes {
        spec_version: message.attribute("specversion")?,
        id: message.attribute("id")?,
        source: message.attribute("source")?,
        event_type: message.attribute("type")?,
        time: message.attribute("time")?,
        subject: message.attribute("subject")?,
        account: message.attribute("account")?,
        traceparent: message.attribute("traceparent")?,
        actor: message.attribute("actor")?,
    }
    .check(Cow::Borrowed(data))
}
