//! The bare second hop: consume, POST over TLS, write one row, acknowledge.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use super::connections::Connections;
use super::rows::{Row, Writers};
use super::{forward, topology};
use crate::part::Owner;
use crate::receiver::Address;

/// Messages taken and not yet acknowledged; as many as the product takes.
const PREFETCH: u16 = 1024;
/// Requests in flight; as many as the product makes.
const CONCURRENCY: usize = 512;

/// The job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Post {
    /// The broker.
    pub amqp_url: String,
    /// Where rows are written.
    pub database_url: String,
    /// Whom to post to.
    pub receiver: Address,
    /// Most rows written at once.
    pub rows: usize,
}

/// What a delivery needs.
struct Poster {
    channel: Channel,
    connections: Connections,
    slots: Semaphore,
    writers: Writers,
}

/// The part.
///
/// # Errors
/// When the broker, the database or the receiver is lost.
pub async fn run() -> anyhow::Result<()> {
    let mut owner = Owner::new();
    let job: Post = owner.job().await?;
    let connection = Connection::connect(&job.amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let arguments = FieldTable::default();
    let consumer = channel
        .basic_consume(topology::DELIVERIES.into(), "".into(), options, arguments)
        .await?;
    let (failed, mut failures) = mpsc::channel(1);
    let poster = Arc::new(Poster {
        connections: Connections::new(&job.receiver)?,
        slots: Semaphore::new(CONCURRENCY),
        writers: Writers::start(&job.database_url, job.rows, &failed).await?,
        channel,
    });
    let deliver_all = consumer.for_each(|delivery| {
        let poster = Arc::clone(&poster);
        let failed = failed.clone();
        tokio::spawn(async move {
            if let Err(error) = poster.deliver(delivery).await {
                // One failure ends the part, without waiting for the others.
                let _ = failed.try_send(error);
            }
        });
        std::future::ready(())
    });
    owner
        .work(async {
            tokio::select! {
                () = deliver_all => Err(anyhow::anyhow!("the consumer ended")),
                failure = failures.recv() => Err(failure.context("a sender of failures is held here")?),
            }
        })
        .await
}

impl Poster {
    async fn deliver(&self, delivery: lapin::Result<Delivery>) -> anyhow::Result<()> {
        let delivery = delivery?;
        let received_at = SystemTime::now();
        let id = delivery
            .properties
            .message_id()
            .as_ref()
            .context("a message has an id")?;
        let id: Uuid = id.as_str().parse()?;
        let headers = delivery.properties.headers().as_ref();
        let webhook = match headers.and_then(|headers| headers.inner().get(forward::WEBHOOK)) {
            Some(AMQPValue::LongUInt(webhook)) => *webhook,
            other => anyhow::bail!("a message is for the webhook {other:?}"),
        };
        let payload = Bytes::from(delivery.data);
        let status = {
            let _slot = self.slots.acquire().await?;
            self.connections.post(webhook, &id, payload.clone()).await?
        };
        let row = Row {
            id,
            webhook,
            payload,
            status,
            received_at,
            posted_at: SystemTime::now(),
        };
        self.writers.write(row).await?;
        Ok(self
            .channel
            .basic_ack(delivery.delivery_tag, BasicAckOptions::default())
            .await?)
    }
}
