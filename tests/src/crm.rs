//! A CRM service: publishes events to the broker.

use anyhow::{Context, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

/// The exchange that CRM services publish to.
pub(crate) const EVENTS_EXCHANGE: &str = "crm.events";
/// Messages published and not yet confirmed, when many are published at once.
const IN_FLIGHT: usize = 256;

/// A connection to the broker with one channel in confirm mode.
pub struct Crm {
    channel: Channel,
    /// Dropping it would close the channel.
    _connection: Connection,
}

/// A message for `crm.events`.
#[derive(Debug, Clone)]
pub struct Message {
    routing_key: String,
    properties: BasicProperties,
    body: Vec<u8>,
}

impl Message {
    /// A persistent message without further properties.
    pub fn new(routing_key: &str, body: impl Into<Vec<u8>>) -> Self {
        let properties = BasicProperties::default().with_delivery_mode(2);
        Self {
            routing_key: routing_key.to_owned(),
            properties,
            body: body.into(),
        }
    }

    /// The same message with this content type.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.properties = self.properties.with_content_type(content_type.into());
        self
    }

    /// The same message with this content encoding.
    #[must_use]
    pub fn content_encoding(mut self, encoding: &str) -> Self {
        self.properties = self.properties.with_content_encoding(encoding.into());
        self
    }

    /// The same message with one more text header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
        self.properties = self.properties.with_headers(headers);
        self
    }

    /// Everything beside the body.
    pub fn properties(&self) -> &BasicProperties {
        &self.properties
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Crm {
    /// Connects to the virtual host of this URL.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            channel,
            _connection: connection,
        })
    }

    /// Publishes a message to `crm.events` and waits for the confirm.
    ///
    /// # Errors
    /// The broker is gone or refuses.
    pub async fn publish(&self, message: Message) -> anyhow::Result<()> {
        self.publish_to(EVENTS_EXCHANGE, message).await
    }

    /// Publishes many messages to `crm.events`, pipelined, and waits for all confirms.
    ///
    /// # Errors
    /// The broker is gone or refuses.
    pub async fn publish_all(&self, messages: impl IntoIterator<Item = Message>) -> anyhow::Result<()> {
        // The channel keeps the order in which the futures are first polled.
        let publishing = stream::iter(messages).map(|message| self.publish(message));
        publishing.buffered(IN_FLIGHT).try_collect().await
    }

    /// Publishes a message to any exchange and waits for the confirm.
    ///
    /// # Errors
    /// The broker is gone or refuses.
    pub async fn publish_to(&self, exchange: &str, message: Message) -> anyhow::Result<()> {
        let Message {
            routing_key,
            properties,
            body,
        } = message;
        let options = BasicPublishOptions::default();
        let sent = self
            .channel
            .basic_publish(exchange.into(), routing_key.as_str().into(), options, &body, properties);
        let confirmed = sent.await?.await.context("no confirm")?;
        ensure!(confirmed.is_ack(), "the broker refused a message to {exchange}");
        Ok(())
    }

    /// The channel, for what only one test needs.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }
}
