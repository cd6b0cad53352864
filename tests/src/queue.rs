//! Looking into queues.

use lapin::message::Delivery;
use lapin::options::BasicGetOptions;
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use testkit::servers::Vhost;

/// A message found in a queue.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The body.
    pub body: Vec<u8>,
    /// Everything beside it.
    pub properties: BasicProperties,
}

impl Taken {
    /// A text header; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        match self
            .properties
            .headers()
            .as_ref()
            .and_then(|headers| headers.inner().get(name))
        {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        }
    }

    /// Body and properties as one text, to search for what must not be there.
    pub fn text(&self) -> String {
        format!("{} {:?}", String::from_utf8_lossy(&self.body), self.properties)
    }
}

/// Takes everything that is in the queue now.
///
/// # Errors
/// The broker is down or has no such queue.
pub async fn take_all(vhost: &Vhost, queue: &str) -> anyhow::Result<Vec<Taken>> {
    get_all(vhost, queue, BasicGetOptions { no_ack: true }).await
}

/// Reads everything that is in the queue now, and leaves it there.
///
/// # Errors
/// The broker is down or has no such queue.
pub async fn browse(vhost: &Vhost, queue: &str) -> anyhow::Result<Vec<Taken>> {
    get_all(vhost, queue, BasicGetOptions { no_ack: false }).await
}

async fn get_all(vhost: &Vhost, queue: &str, options: BasicGetOptions) -> anyhow::Result<Vec<Taken>> {
    let connection = Connection::connect(vhost.url(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let mut taken = Vec::new();
    while let Some(message) = channel.basic_get(queue.into(), options).await? {
        let Delivery { data, properties, .. } = message.delivery;
        taken.push(Taken { body: data, properties });
    }
    // Unacknowledged messages are returned with the connection.
    connection.close(200, "looked".into()).await?;
    Ok(taken)
}
