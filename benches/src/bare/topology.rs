//! The product's exchanges and queues under other names, declared with lapin alone.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

/// Where events are published.
pub const EVENTS_EXCHANGE: &str = "bare.crm.events";
/// What the first hop consumes.
pub const EVENTS: &str = "bare.events";
/// Where the first hop publishes.
pub const DELIVERY_EXCHANGE: &str = "bare.delivery";
/// What the second hop consumes.
pub const DELIVERIES: &str = "bare.deliveries";
const REJECTED: &str = "bare.rejected";
const UNROUTABLE: &str = "bare.unroutable";

/// Declares everything; safe to repeat.
///
/// # Errors
/// When the broker refuses.
pub async fn declare(amqp_url: &str) -> lapin::Result<()> {
    let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    exchange(&channel, EVENTS_EXCHANGE, ExchangeKind::Topic, FieldTable::default()).await?;
    exchange(&channel, UNROUTABLE, ExchangeKind::Fanout, FieldTable::default()).await?;
    let mut alternate = FieldTable::default();
    alternate.insert("alternate-exchange".into(), text(UNROUTABLE));
    exchange(&channel, DELIVERY_EXCHANGE, ExchangeKind::Direct, alternate).await?;
    for (name, arguments, bound_to, key) in [
        (UNROUTABLE, quorum(), UNROUTABLE, ""),
        (REJECTED, quorum(), DELIVERY_EXCHANGE, REJECTED),
        (EVENTS, parked(quorum()), EVENTS_EXCHANGE, "#"),
        (DELIVERIES, parked(quorum()), DELIVERY_EXCHANGE, DELIVERIES),
    ] {
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        channel.queue_declare(name.into(), options, arguments).await?;
        let options = QueueBindOptions::default();
        channel
            .queue_bind(name.into(), bound_to.into(), key.into(), options, FieldTable::default())
            .await?;
    }
    connection.close(200, "declared".into()).await
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind, arguments: FieldTable) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel.exchange_declare(name.into(), kind, options, arguments).await
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

fn parked(mut arguments: FieldTable) -> FieldTable {
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(20));
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(REJECTED));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
