//! The bare first hop: consume, publish with confirms as a pipeline, acknowledge in multiples.

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::topology;
use crate::part::Owner;

/// The header that says which webhook a message is for.
pub(super) const WEBHOOK: &str = "webhook";

/// Events taken and not yet acknowledged; as many as the product takes.
const PREFETCH: u16 = 500;

/// The job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forward {
    /// The broker.
    pub amqp_url: String,
    /// Messages published for each event.
    pub webhooks: u32,
}

/// The part.
///
/// # Errors
/// When the broker is lost.
pub async fn run() -> anyhow::Result<()> {
    let mut owner = Owner::new();
    let job: Forward = owner.job().await?;
    let consuming = Connection::connect(&job.amqp_url, ConnectionProperties::default()).await?;
    let events = consuming.create_channel().await?;
    events.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let publishing = Connection::connect(&job.amqp_url, ConnectionProperties::default()).await?;
    let deliveries = publishing.create_channel().await?;
    deliveries.confirm_select(ConfirmSelectOptions::default()).await?;
    owner.work(forward(&events, &deliveries, job.webhooks)).await
}

async fn forward(events: &Channel, deliveries: &Channel, webhooks: u32) -> anyhow::Result<()> {
    let options = BasicConsumeOptions::default();
    let arguments = FieldTable::default();
    let consumer = events
        .basic_consume(topology::EVENTS.into(), "".into(), options, arguments)
        .await?;
    let forwarded = consumer
        .map(|event| forward_one(deliveries, webhooks, event))
        .buffered(PREFETCH.into());
    // They finish in order, so the last of those that are ready stands for all before it.
    let mut ready = forwarded.ready_chunks(PREFETCH.into());
    while let Some(finished) = ready.next().await {
        let tags: Vec<u64> = finished.into_iter().collect::<anyhow::Result<_>>()?;
        let last = *tags.last().context("a chunk is not empty")?;
        events.basic_ack(last, BasicAckOptions { multiple: true }).await?;
    }
    Ok(())
}

/// Returns the tag of an event whose messages the broker has confirmed.
async fn forward_one(channel: &Channel, webhooks: u32, event: lapin::Result<Delivery>) -> anyhow::Result<u64> {
    let event = event?;
    try_join_all((0..webhooks).map(|webhook| publish(channel, webhook, &event.data))).await?;
    Ok(event.delivery_tag)
}

async fn publish(channel: &Channel, webhook: u32, body: &[u8]) -> anyhow::Result<()> {
    let mut headers = FieldTable::default();
    headers.insert(WEBHOOK.into(), AMQPValue::LongUInt(webhook));
    let id = Uuid::now_v7().to_string();
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id(id.into())
        .with_headers(headers);
    let exchange = topology::DELIVERY_EXCHANGE.into();
    let key = topology::DELIVERIES.into();
    let confirm = channel.basic_publish(exchange, key, BasicPublishOptions::default(), body, properties);
    ensure!(confirm.await?.await?.is_ack(), "the broker refused a message");
    Ok(())
}
