//! A received message.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, ShortString};

use crate::acknowledgement::Acknowledgement;
use crate::message::Message;

/// Prefix of the broker's addresses for direct reply-to.
const ASKER_PREFIX: &str = "amq.rabbitmq.reply-to.";
/// How often a message was returned before, as quorum queues count it.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// A received message, with the duty to acknowledge it.
#[derive(Debug)]
pub struct Incoming {
    /// The unchanged body. It counts in its consumer's byte budget until its last clone or part is dropped.
    pub body: Bytes,
    /// A possible duplicate: the broker delivered it before, to this process or another, or its publisher published it
    /// again without knowing whether the broker had it.
    pub redelivered: bool,
    /// How often it was returned to its queue; the broker parks it after [`crate::topology::DELIVERY_LIMIT`] returns.
    pub returns: u32,
    /// Used once, when everything that follows from the message is durable.
    pub acknowledgement: Acknowledgement,
    pub(crate) properties: BasicProperties,
}

/// A header that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderText<'a> {
    /// Its value, as text.
    Text(Cow<'a, str>),
    /// Neither text in UTF-8, nor a number, a time or a truth value.
    Unreadable,
}

impl Incoming {
    /// The AMQP content type.
    pub fn content_type(&self) -> Option<&str> {
        self.properties.content_type().as_ref().map(ShortString::as_str)
    }

    /// The AMQP content encoding.
    pub fn content_encoding(&self) -> Option<&str> {
        self.properties.content_encoding().as_ref().map(ShortString::as_str)
    }

    /// A text header; `None` when it is absent, not text or not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
            AMQPValue::ShortString(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// A header as text: numbers in decimal, a time in RFC 3339. `None` when it is absent.
    pub fn header_as_text(&self, name: &str) -> Option<HeaderText<'_>> {
        match self.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::Void => None,
            value => Some(text_of(value).map_or(HeaderText::Unreadable, HeaderText::Text)),
        }
    }

    /// The same message for another queue of ours: body, content type, id and the producer's headers unchanged.
    pub fn forward_to(&self, exchange: &str, queue: &str) -> Message {
        Message::new(exchange, queue, self.body.clone()).with_properties_of(&self.properties)
    }

    /// The reply to an RPC request; `None` when it has no reply address.
    ///
    /// Only a direct reply-to address is accepted: with any other name, a requester could have us publish into any
    /// queue.
    pub fn answer(&self, body: impl Into<Bytes>) -> Option<Message> {
        let asker = self
            .properties
            .reply_to()
            .as_ref()
            .filter(|name| name.as_str().starts_with(ASKER_PREFIX))?;
        let id = self.properties.correlation_id().clone()?;
        // Such addresses exist on the default exchange only.
        Some(Message::new("", asker.as_str(), body).correlation_id(id))
    }
}

/// `None` for what has no text. Clients choose the shortest type that holds a number, so each of them is read.
fn text_of(value: &AMQPValue) -> Option<Cow<'_, str>> {
    let utf8 = |bytes| std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    let text = match value {
        AMQPValue::LongString(text) => return utf8(text.as_bytes()),
        AMQPValue::ByteArray(bytes) => return utf8(bytes.as_slice()),
        AMQPValue::ShortString(text) => return Some(Cow::Borrowed(text.as_str())),
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => {
            let seconds = i64::try_from(*seconds).ok()?;
            Timestamp::from_second(seconds).ok()?.to_string()
        }
        _ => return None,
    };
    Some(Cow::Owned(text))
}

/// How often a message was returned to its queue before; 0 if the broker does not tell.
pub(crate) fn returns_of(properties: &BasicProperties) -> u32 {
    let count = properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get(DELIVERY_COUNT));
    let count = match count {
        Some(AMQPValue::LongLongInt(count)) => *count,
        Some(AMQPValue::LongInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortShortInt(count)) => i64::from(*count),
        Some(AMQPValue::LongUInt(count)) => i64::from(*count),
        _ => 0,
    };
    u32::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lapin::types::{ByteArray, FieldTable};

    use super::*;

    #[test]
    fn headers_of_every_type_are_text_or_unreadable() {
        for (value, text) in [
            (AMQPValue::LongString("acme".into()), Some("acme")),
            (AMQPValue::ShortString("acme".into()), Some("acme")),
            (AMQPValue::ByteArray(ByteArray::from(b"acme".as_slice())), Some("acme")),
            (AMQPValue::ByteArray(ByteArray::from(b"\xff".as_slice())), None),
            (AMQPValue::ShortShortInt(-7), Some("-7")),
            (AMQPValue::ShortShortUInt(7), Some("7")),
            (AMQPValue::ShortInt(7), Some("7")),
            (AMQPValue::ShortUInt(7), Some("7")),
            (AMQPValue::LongInt(7), Some("7")),
            (AMQPValue::LongUInt(7), Some("7")),
            (AMQPValue::LongLongInt(7), Some("7")),
            (AMQPValue::Timestamp(1_795_413_600), Some("2026-11-23T06:00:00Z")),
            (AMQPValue::Timestamp(u64::MAX), None),
            (AMQPValue::Boolean(true), Some("true")),
            (AMQPValue::Double(7.5), None),
            (AMQPValue::FieldTable(FieldTable::default()), None),
        ] {
            assert_eq!(text_of(&value).as_deref(), text, "{value:?}");
        }
    }
}
