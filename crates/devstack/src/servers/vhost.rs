//! A virtual host of its own for one test.

use std::time::Duration;

use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Queue};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use super::ServerError;
use super::management::{Management, NEXT_NODE_AFTER, encode};
use crate::wait;

/// How long the management interface may take to notice a connection.
const NOTICE_DEADLINE: Duration = Duration::from_secs(20);

/// A virtual host on a broker under test: its own exchanges, queues and connections.
#[derive(Debug, Clone)]
pub struct Vhost {
    management: Management,
    name: String,
    /// One for each node of the broker.
    urls: Vec<String>,
}

impl Management {
    /// Creates a virtual host of a fresh name, which the broker's user may use in full.
    pub(crate) async fn create_vhost(&self) -> Result<Vhost, ServerError> {
        let name = format!("test-{}", Uuid::now_v7().simple());
        self.put(&format!("/api/vhosts/{name}"), &json!({})).await?;
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.put(&format!("/api/permissions/{name}/{}", encode(&self.user)), &everything)
            .await?;
        let in_vhost = |node: &Url| {
            let mut url = node.clone();
            url.set_path(&name);
            url.into()
        };
        let urls = self.amqp.iter().map(in_vhost).collect();
        Ok(Vhost {
            management: self.clone(),
            name,
            urls,
        })
    }
}

impl Vhost {
    /// `amqp://…/<name>`, of a cluster at its first node.
    pub fn url(&self) -> &str {
        &self.urls[0]
    }

    /// The same at each node of the broker.
    pub fn urls(&self) -> &[String] {
        &self.urls
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
        match self
            .management
            .get(&format!("/api/queues/{}/{}", self.name, encode(queue)))
            .await
        {
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
            let taken = channel
                .basic_get(queue.into(), BasicGetOptions { no_ack: true })
                .await?;
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
            match self
                .management
                .delete(&format!("/api/connections/{}", encode(name)))
                .await
            {
                // It has gone by itself.
                Err(ServerError::Management { status: 404, .. }) => {}
                closed => closed?,
            }
        }
        Ok(names.len())
    }

    /// Waits until the broker lists a connection here that the client called by this name, and makes the broker close it.
    ///
    /// # Errors
    /// There never is one.
    pub async fn close_connections_named(&self, client_name: &str) -> Result<(), ServerError> {
        let path = format!("/api/vhosts/{}/connections", self.name);
        let is_it = |listed: &&Value| listed["client_properties"]["connection_name"] == client_name;
        let listed = wait::until_some(NOTICE_DEADLINE, format!("a connection of {client_name}"), async || {
            let listed = self.management.get(&path).await.ok()?;
            listed.as_array()?.iter().find(is_it).and_then(connection_name)
        });
        match self
            .management
            .delete(&format!("/api/connections/{}", encode(&listed.await?)))
            .await
        {
            // It has gone by itself.
            Err(ServerError::Management { status: 404, .. }) => Ok(()),
            closed => closed,
        }
    }

    /// Permits to a user of this virtual host alone what these regular expressions of names say, for configure, write and
    /// read; returns the URL by which that user connects. It is the same user each time.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn permit(&self, configure: &str, write: &str, read: &str) -> Result<String, ServerError> {
        self.permit_as("secret", configure, write, read).await
    }

    /// The same with this password, which replaces the user's former one.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn permit_as(
        &self,
        password: &str,
        configure: &str,
        write: &str,
        read: &str,
    ) -> Result<String, ServerError> {
        self.management
            .permit(&self.name, &self.name, password, [configure, write, read])
            .await?;
        let mut url = Url::parse(self.url()).expect("it was made from parts");
        url.set_username(&self.name)
            .and_then(|()| url.set_password(Some(password)))
            .expect("the URL has a host");
        Ok(url.into())
    }

    /// Deletes an exchange with its bindings.
    ///
    /// # Errors
    /// The broker is down or has no such exchange.
    pub async fn delete_exchange(&self, name: &str) -> Result<(), ServerError> {
        self.management
            .delete(&format!("/api/exchanges/{}/{}", self.name, encode(name)))
            .await
    }

    /// Deletes a queue in which nothing waits.
    ///
    /// # Errors
    /// The broker is down, or has no such queue, or something waits in it.
    pub async fn delete_empty_queue(&self, name: &str) -> Result<(), ServerError> {
        self.management
            .delete(&format!("/api/queues/{}/{}?if-empty=true", self.name, encode(name)))
            .await
    }

    /// Deletes it with everything in it; its connections are closed.
    ///
    /// # Errors
    /// The broker is down.
    pub async fn delete(self) -> Result<(), ServerError> {
        self.management.delete(&format!("/api/vhosts/{}", self.name)).await
    }

    async fn connect(&self) -> Result<(Connection, Channel), ServerError> {
        let (last, others) = self.urls.split_last().expect("a broker has a node");
        for node in others {
            if let Ok(Ok(connected)) = timeout(NEXT_NODE_AFTER, connect(node)).await {
                return Ok(connected);
            }
        }
        Ok(connect(last).await?)
    }

    /// Asks for a queue without creating it (passive declare).
    async fn look(&self, queue: &str) -> Result<Option<Queue>, ServerError> {
        let (connection, channel) = self.connect().await?;
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let found = match channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
        {
            Ok(found) => Some(found),
            Err(error) if is_not_found(&error) => None,
            Err(error) => return Err(error.into()),
        };
        connection.close(200, "looked".into()).await?;
        Ok(found)
    }
}

async fn connect(url: &str) -> Result<(Connection, Channel), lapin::Error> {
    let connection = Box::pin(Connection::connect(url, ConnectionProperties::default())).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

fn connection_name(listed: &Value) -> Option<String> {
    Some(listed["name"].as_str()?.to_owned())
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)))
}
