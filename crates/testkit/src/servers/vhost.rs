//! A virtual host of its own for one test.

use std::time::Duration;

use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Queue};
use serde_json::Value;

use super::ServerError;
use super::management::{Management, encode};
use crate::wait;

/// How long the management interface may take to notice a connection.
const NOTICE_DEADLINE: Duration = Duration::from_secs(20);

/// A virtual host on a broker under test: its own exchanges, queues and connections.
#[derive(Debug, Clone)]
pub struct Vhost {
    management: Management,
    name: String,
    url: String,
}

impl Vhost {
    pub(super) fn new(management: Management, name: String, url: String) -> Self {
        Self { management, name, url }
    }

    /// `amqp://…/<name>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Messages ready in a queue, exact at this moment; `None` when there is no such queue.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn ready(&self, queue: &str) -> Result<Option<u32>, ServerError> {
        Ok(self.look(queue).await?.map(|queue| queue.message_count()))
    }

    /// Consumers of a queue, exact at this moment; `None` when there is no such queue.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn consumers(&self, queue: &str) -> Result<Option<u32>, ServerError> {
        Ok(self.look(queue).await?.map(|queue| queue.consumer_count()))
    }

    /// Messages delivered from a queue and not yet acknowledged, one or two seconds old; `None` when there is no such
    /// queue or the broker has not counted yet.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn unacknowledged(&self, queue: &str) -> Result<Option<u64>, ServerError> {
        match self.management.get(&format!("/api/queues/{}/{}", self.name, encode(queue))).await {
            Ok(queue) => Ok(queue["messages_unacknowledged"].as_u64()),
            Err(ServerError::Management { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes up to `limit` messages off a queue and returns their bodies.
    ///
    /// # Errors
    /// The broker is down or has no such queue.
    pub async fn drain(&self, queue: &str, limit: usize) -> Result<Vec<Vec<u8>>, ServerError> {
        let (connection, channel) = self.connect().await?;
        let mut bodies = Vec::new();
        while bodies.len() < limit {
            let taken = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await?;
            let Some(message) = taken else { break };
            bodies.push(message.delivery.data);
        }
        connection.close(200, "drained".into()).await?;
        Ok(bodies)
    }

    /// Waits until the broker lists at least that many connections here, and makes it close all it lists; returns how
    /// many those were. A connection opened within the last second may not be listed yet.
    ///
    /// # Errors
    /// There are never that many.
    pub async fn close_connections(&self, at_least: usize) -> Result<usize, ServerError> {
        let path = format!("/api/vhosts/{}/connections", self.name);
        let listed = wait::until_some(NOTICE_DEADLINE, format!("{at_least} connections"), async || {
            let listed = self.management.get(&path).await.ok()?;
            let names: Vec<String> = listed.as_array()?.iter().filter_map(connection_name).collect();
            (names.len() >= at_least).then_some(names)
        });
        let names = listed.await?;
        for name in &names {
            match self.management.delete(&format!("/api/connections/{}", encode(name))).await {
                // It has gone by itself.
                Err(ServerError::Management { status: 404, .. }) => {}
                closed => closed?,
            }
        }
        Ok(names.len())
    }

    /// Deletes it with everything in it; its connections are closed.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn delete(self) -> Result<(), ServerError> {
        self.management.delete(&format!("/api/vhosts/{}", self.name)).await
    }

    async fn connect(&self) -> Result<(Connection, Channel), ServerError> {
        let connection = Box::pin(Connection::connect(&self.url, ConnectionProperties::default())).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }

    /// Asks for a queue without creating it (passive declare).
    async fn look(&self, queue: &str) -> Result<Option<Queue>, ServerError> {
        let (connection, channel) = self.connect().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = match channel.queue_declare(queue.into(), passive, FieldTable::default()).await {
            Ok(found) => Some(found),
            Err(error) if is_not_found(&error) => None,
            Err(error) => return Err(error.into()),
        };
        connection.close(200, "looked".into()).await?;
        Ok(found)
    }
}

fn connection_name(listed: &Value) -> Option<String> {
    Some(listed["name"].as_str()?.to_owned())
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)))
}
