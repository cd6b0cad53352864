//! Publishing with confirms, over a connection that always comes back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection, Event};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::connection::Connector;
use crate::message::{Message, next_epoch};
use crate::telemetry::{PublishResult, Role, Telemetry};

/// Messages published and not yet confirmed, in one process. Bounds the memory that waits for the broker.
const MAX_IN_FLIGHT: usize = 2048;
/// Pause before a refused message (a full queue) is published again.
const AFTER_NACK: Duration = Duration::from_millis(500);

/// Publishes messages and returns once the broker has them. Clones share one connection.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
    current: watch::Receiver<Option<Session>>,
}

/// The publisher was closed before the broker had the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the publisher is closed")]
pub struct PublisherClosed;

struct Shared {
    connector: Connector,
    telemetry: Arc<Telemetry>,
    in_flight: Semaphore,
    /// A publish failed: the session it used is no good.
    fault: Notify,
}

#[derive(Clone)]
struct Session {
    channel: Arc<Channel>,
    epoch: u64,
}

impl Publisher {
    /// Starts connecting in the background; it ends when `stop` is cancelled.
    pub fn start(connector: Connector, telemetry: Arc<Telemetry>, stop: CancellationToken) -> Self {
        let shared =
            Arc::new(Shared { connector, telemetry, in_flight: Semaphore::new(MAX_IN_FLIGHT), fault: Notify::new() });
        let (sender, current) = watch::channel(None);
        let supervisor = Arc::clone(&shared);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = supervisor.keep_connected(&sender) => {}
            }
            supervisor.telemetry.connected(Role::Publisher, false);
        });
        Self { shared, current }
    }

    /// Publishes until the broker confirms: through lost connections, refusals and alarms, for as long as it takes. A
    /// message may therefore arrive more than once; its id tells.
    ///
    /// To publish many at once, run many of these futures together.
    ///
    /// # Errors
    /// [`PublisherClosed`] when the process stops first.
    pub async fn publish(&self, message: &Message) -> Result<(), PublisherClosed> {
        let _permit = self.shared.in_flight.acquire().await.map_err(|_| PublisherClosed)?;
        let mut used = 0;
        loop {
            let session = self.session_after(used).await?;
            match publish_on(&session.channel, message).await {
                Ok(confirmation) if confirmation.is_ack() => {
                    self.shared.telemetry.published(PublishResult::Confirmed);
                    return Ok(());
                }
                Ok(_) => {
                    self.shared.telemetry.published(PublishResult::Nacked);
                    tokio::time::sleep(AFTER_NACK).await;
                }
                Err(_) => {
                    self.shared.telemetry.published(PublishResult::Lost);
                    self.shared.fault.notify_one();
                    used = session.epoch;
                }
            }
        }
    }

    /// Waits until a connection is up.
    ///
    /// # Errors
    /// [`PublisherClosed`] when the process stops first.
    pub async fn connected(&self) -> Result<(), PublisherClosed> {
        self.session_after(0).await.map(drop)
    }

    async fn session_after(&self, epoch: u64) -> Result<Session, PublisherClosed> {
        if let Some(session) = &*self.current.borrow()
            && session.epoch > epoch
        {
            return Ok(session.clone());
        }
        let mut current = self.current.clone();
        let usable = |session: &Option<Session>| session.as_ref().is_some_and(|session| session.epoch > epoch);
        let session = current.wait_for(usable).await.map_err(|_| PublisherClosed)?;
        session.clone().ok_or(PublisherClosed)
    }
}

async fn publish_on(channel: &Channel, message: &Message) -> Result<Confirmation, lapin::Error> {
    let Message { exchange, routing_key, properties, body } = message;
    let (exchange, routing_key, properties) = (exchange.clone(), routing_key.clone(), properties.clone());
    channel.basic_publish(exchange, routing_key, BasicPublishOptions::default(), body, properties).await?.await
}

impl Shared {
    async fn keep_connected(&self, current: &watch::Sender<Option<Session>>) {
        let mut backoff = Backoff::default();
        loop {
            match self.open().await {
                Ok((connection, session)) => {
                    info!(broker = %self.connector.url(), "publisher connected");
                    backoff.reset();
                    self.up(current, Some(session));
                    self.until_fault(&connection).await;
                    self.up(current, None);
                    warn!(broker = %self.connector.url(), "publisher lost its connection");
                }
                Err(error) if backoff.is_fresh() => {
                    warn!(broker = %self.connector.url(), %error, "publisher waits for the broker")
                }
                Err(_) => {}
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    async fn open(&self) -> Result<(Connection, Session), lapin::Error> {
        let connection = self.connector.connect("publisher").await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, Session { channel: Arc::new(channel), epoch: next_epoch() }))
    }

    fn up(&self, current: &watch::Sender<Option<Session>>, session: Option<Session>) {
        self.telemetry.connected(Role::Publisher, session.is_some());
        self.telemetry.blocked(false);
        current.send_replace(session);
    }

    /// A publish that failed, or the connection's own error event, whichever is first.
    async fn until_fault(&self, connection: &Connection) {
        let mut events = connection.events_listener();
        loop {
            let event = tokio::select! {
                () = self.fault.notified() => return,
                event = events.next() => event,
            };
            match event {
                Some(Event::ConnectionBlocked(reason)) => {
                    warn!(reason, "the broker takes no publishes");
                    self.telemetry.blocked(true);
                }
                Some(Event::ConnectionUnblocked) => {
                    info!("the broker takes publishes again");
                    self.telemetry.blocked(false);
                }
                Some(Event::Error(_)) | None => return,
                Some(_) => {}
            }
        }
    }
}
