//! A message of ours on its way out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

/// Persistent, in AMQP's numbering.
const PERSISTENT: u8 = 2;

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
        Self { exchange: exchange.into(), routing_key: routing_key.into(), properties, body: body.into() }
    }

    /// What the body is.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.properties = self.properties.with_content_type(content_type.into());
        self
    }

    /// By which a reader recognises a repeat.
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

    /// Nobody gets it after so long in its queue.
    #[must_use]
    pub(crate) fn expiring_after(mut self, time: Duration) -> Self {
        self.properties = self.properties.with_expiration(time.as_millis().to_string().into());
        self
    }

    /// Answers the question of this number.
    #[must_use]
    pub(crate) fn correlation_id(mut self, id: ShortString) -> Self {
        self.properties = self.properties.with_correlation_id(id);
        self
    }

    /// Takes over what the producer of a received message said about its body: content type and encoding, message id
    /// and its own headers. Headers that begin with `x-` are the broker's or ours and stay behind: a copied `x-death`
    /// makes RabbitMQ see a cycle and drop the message.
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
            let mut kept = FieldTable::default();
            for (name, value) in headers.inner().iter().filter(|(name, _)| !name.as_str().starts_with("x-")) {
                kept.insert(name.clone(), value.clone());
            }
            self.properties = self.properties.with_headers(kept);
        }
        self
    }
}

/// A number that no other session of this process has.
pub(crate) fn next_epoch() -> u64 {
    static EPOCH: AtomicU64 = AtomicU64::new(1);
    EPOCH.fetch_add(1, Ordering::Relaxed)
}
