//! An outgoing message.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

/// Persistent, in AMQP's numbering.
const PERSISTENT: u8 = 2;

/// Maximum bytes of the producer's headers that are copied. All headers are in one frame, and the producer's may fill
/// it; together with ours they would exceed the frame and end the connection.
const CARRIED_HEADERS: usize = 32 * 1024;
/// Replaces headers that were too long.
const HEADERS_LEFT_OUT: &str = "x-headers-left-out";
/// Header of a message that is published again and may be a duplicate.
const REPEAT: &str = "x-repeat";

/// Exchange, key, properties and body. It is kept until the broker has confirmed it.
#[derive(Debug, Clone)]
pub struct Message {
    pub(crate) exchange: ShortString,
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
}

impl Message {
    /// A persistent message.
    pub fn new(exchange: &str, routing_key: &str, body: impl Into<Bytes>) -> Self {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        Self {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            properties,
            body: body.into(),
        }
    }

    /// The routing key: the queue's name, where it has one queue.
    pub fn routing_key(&self) -> &str {
        self.routing_key.as_str()
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Content type of the body.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.properties = self.properties.with_content_type(content_type.into());
        self
    }

    /// The id by which a reader recognises a duplicate.
    #[must_use]
    pub fn message_id(mut self, id: &str) -> Self {
        self.properties = self.properties.with_message_id(id.into());
        self
    }

    /// Adds a text header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
        self.properties = self.properties.with_headers(headers);
        self
    }

    /// The AMQP properties; `repeat` marks a possible duplicate.
    pub(crate) fn properties(&self, repeat: bool) -> BasicProperties {
        match repeat {
            true => self.clone().header(REPEAT, "true").properties,
            false => self.properties.clone(),
        }
    }

    /// TTL in its queue.
    #[must_use]
    pub(crate) fn expiring_after(mut self, time: Duration) -> Self {
        self.properties = self.properties.with_expiration(time.as_millis().to_string().into());
        self
    }

    /// The correlation id of a request or reply.
    #[must_use]
    pub(crate) fn correlation_id(mut self, id: ShortString) -> Self {
        self.properties = self.properties.with_correlation_id(id);
        self
    }

    /// Copies the producer's properties of a received message: content type and encoding, message id and its own
    /// headers. Headers that begin with `x-` are the broker's or ours and are not copied: a copied `x-death` makes
    /// RabbitMQ see a cycle and drop the message. Neither are `CC` and `BCC`, with which the broker would copy the
    /// message to every queue that the producer names there.
    #[must_use]
    pub(crate) fn with_properties_of(mut self, original: &BasicProperties) -> Self {
        if let Some(content_type) = original.content_type() {
            self.properties = self.properties.with_content_type(content_type.clone());
        }
        if let Some(encoding) = original.content_encoding() {
            self.properties = self.properties.with_content_encoding(encoding.clone());
        }
        if let Some(id) = original.message_id() {
            self.properties = self.properties.with_message_id(id.clone());
        }
        if let Some(headers) = original.headers() {
            let (kept, all) = shortest(headers.inner().iter().filter(|(name, _)| is_producers(name.as_str())));
            self.properties = self.properties.with_headers(kept);
            if !all {
                return self.header(HEADERS_LEFT_OUT, "too long");
            }
        }
        self
    }
}

fn is_producers(header: &str) -> bool {
    !header.starts_with("x-") && !matches!(header, "CC" | "BCC")
}

/// As many headers as fit into [`CARRIED_HEADERS`], the shortest first, and whether these are all: what identifies a message is
/// short.
fn shortest<'h>(headers: impl Iterator<Item = (&'h ShortString, &'h AMQPValue)>) -> (FieldTable, bool) {
    let mut by_size: Vec<_> = headers
        .map(|(name, value)| (size_of_entry(name, value), name, value))
        .collect();
    by_size.sort_by_key(|(size, ..)| *size);
    let (mut kept, mut bytes) = (FieldTable::default(), 0);
    for (size, name, value) in &by_size {
        bytes += size;
        if bytes > CARRIED_HEADERS {
            return (kept, false);
        }
        kept.insert((*name).clone(), (*value).clone());
    }
    (kept, true)
}

/// Approximate size of the table on the wire, in bytes.
fn size_of_table(table: &FieldTable) -> usize {
    table
        .inner()
        .iter()
        .map(|(name, value)| size_of_entry(name, value))
        .sum()
}

fn size_of_entry(name: &ShortString, value: &AMQPValue) -> usize {
    2 + name.as_str().len() + size_of_value(value)
}

fn size_of_value(value: &AMQPValue) -> usize {
    match value {
        AMQPValue::LongString(text) => 4 + text.as_bytes().len(),
        AMQPValue::ShortString(text) => 1 + text.as_str().len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.as_slice().len(),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(|value| 1 + size_of_value(value)).sum(),
        AMQPValue::FieldTable(table) => size_of_table(table),
        _ => 9,
    }
}

/// The publisher marked the message as a possible duplicate.
pub(crate) fn is_repeat(properties: &BasicProperties) -> bool {
    properties
        .headers()
        .as_ref()
        .is_some_and(|headers| headers.contains_key(REPEAT))
}

/// A number that no other session of this process has.
pub(crate) fn next_epoch() -> u64 {
    static EPOCH: AtomicU64 = AtomicU64::new(1);
    EPOCH.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(headers: &[(&str, &str)]) -> Vec<String> {
        let given = headers.iter().fold(Message::new("", "", ""), |message, (name, value)| {
            message.header(name, value)
        });
        let carried = Message::new("", "", "").with_properties_of(&given.properties);
        carried
            .properties
            .headers()
            .iter()
            .flat_map(|all| all.inner().keys())
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn headers_that_the_broker_acts_upon_stay_behind() {
        assert_eq!(
            carried(&[("region", "eu"), ("x-death", "1"), ("CC", "q"), ("BCC", "q")]),
            ["region"]
        );
    }

    #[test]
    fn headers_that_would_fill_a_frame_are_left_out() {
        assert_eq!(carried(&[("region", &"e".repeat(30_000))]), ["region"]);
        assert_eq!(carried(&[("region", &"e".repeat(40_000))]), [HEADERS_LEFT_OUT]);
        assert_eq!(
            carried(&[("cloudEvents:id", "1"), ("region", &"e".repeat(40_000))]),
            ["cloudEvents:id", HEADERS_LEFT_OUT],
            "short ones stay, which an event in binary mode consists of"
        );
    }

    #[test]
    fn a_repeat_says_so_and_nothing_else_does() {
        let message = Message::new("", "", "").header("region", "eu");
        assert!(is_repeat(&message.properties(true)) && !is_repeat(&message.properties(false)));
    }
}
