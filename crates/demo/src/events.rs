//! What a CRM service does: publish an event to RabbitMQ.

use anyhow::ensure;
use domain::EventType;
use jiff::Timestamp;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::programs::ACCOUNT;

/// The exchange that CRM services publish to, by event type.
const EXCHANGE: &str = "crm.events";

/// Publishes an event of this type with the catalogue's example as its data (CloudEvents 1.0, JSON format), and waits
/// until the broker has confirmed it.
pub async fn publish(amqp_url: &str, event_type: EventType) -> anyhow::Result<()> {
    let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let must_be_routed = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2);
    let body = cloud_event(event_type)?;
    let sent = channel.basic_publish(
        EXCHANGE.into(),
        event_type.name().into(),
        must_be_routed,
        body.as_bytes(),
        properties,
    );
    let confirmation = sent.await?.await?;
    let routed = confirmation.is_ack() && confirmation.take_message().is_none();
    ensure!(routed, "RabbitMQ did not take the event {}", event_type.name());
    connection.close(200, "published".into()).await?;
    Ok(())
}

#[derive(serde::Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    event_type: &'a str,
    time: Timestamp,
    account: &'static str,
    datacontenttype: &'static str,
    data: &'a RawValue,
}

fn cloud_event(event_type: EventType) -> anyhow::Result<String> {
    let event = CloudEvent {
        specversion: "1.0",
        id: Uuid::now_v7(),
        source: "/crm/demo",
        event_type: event_type.name(),
        time: Timestamp::now(),
        account: ACCOUNT,
        datacontenttype: "application/json",
        data: serde_json::from_str(event_type.example_data())?,
    };
    Ok(serde_json::to_string(&event)?)
}
