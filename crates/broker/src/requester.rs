//! Asking over the broker and waiting for the answer, over a connection that always comes back.
//!
//! Answers come by RabbitMQ's direct reply-to: without a queue, to the channel that asked, as long as it lives. So an
//! answer can be lost, and a question is not asked twice: whoever asks learns that there was none.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::connection::Connector;
use crate::message::{Message, next_epoch};
use crate::telemetry::{Role, Telemetry};

/// The name under which answers are asked for; the broker puts the channel's own address in its place.
const REPLY_TO: &str = "amq.rabbitmq.reply-to";
/// Questions under way in one process; more wait. Bounds the memory.
const MAX_WAITING: usize = 256;
/// Longest wait for a connection: people ask, and they would rather know.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);

/// Asks questions, many at once. Clones share one connection.
#[derive(Clone)]
pub struct Requester {
    shared: Arc<Shared>,
    current: watch::Receiver<Option<Session>>,
}

/// Why there is no answer. The question may have been acted upon all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// Nobody answered.
    #[error("nobody answered in time")]
    TimedOut,
    /// There is no connection to the broker, or it broke.
    #[error("there is no connection to the broker")]
    NotConnected,
}

struct Shared {
    connector: Connector,
    telemetry: Arc<Telemetry>,
    places: Semaphore,
    waiting: Waiting,
}

#[derive(Clone)]
struct Session {
    channel: Channel,
    epoch: u64,
}

impl Requester {
    /// Starts connecting in the background; it ends when `stop` is cancelled.
    pub fn start(connector: Connector, telemetry: Arc<Telemetry>, stop: CancellationToken) -> Self {
        let (places, waiting) = (Semaphore::new(MAX_WAITING), Waiting::default());
        let shared = Arc::new(Shared { connector, telemetry, places, waiting });
        let (sender, current) = watch::channel(None);
        let supervisor = Arc::clone(&shared);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = supervisor.keep_connected(&sender) => {}
            }
            supervisor.telemetry.connected(Role::Tests, false);
        });
        Self { shared, current }
    }

    /// Publishes a question and returns its answer's body. A question that nobody takes `within` this time expires.
    ///
    /// # Errors
    /// [`NoReply`] when there is no answer in time, or can be none.
    pub async fn ask(&self, question: Message, within: Duration) -> Result<Bytes, NoReply> {
        let deadline = Instant::now() + within;
        timeout_at(deadline, self.ask_until(question, deadline)).await.unwrap_or(Err(NoReply::TimedOut))
    }

    async fn ask_until(&self, question: Message, deadline: Instant) -> Result<Bytes, NoReply> {
        let _place = self.shared.places.acquire().await.map_err(|_| NoReply::NotConnected)?;
        let session = self.session().await?;
        let (asked, answer) = self.shared.waiting.enter();
        let left = deadline.saturating_duration_since(Instant::now());
        let Message { exchange, routing_key, properties, body } = question.expiring_after(left);
        let properties = properties.with_reply_to(REPLY_TO.into()).with_correlation_id(asked.number.to_string().into());
        let options = BasicPublishOptions::default();
        let published = session.channel.basic_publish(exchange, routing_key, options, &body, properties).await;
        published.map_err(|_| NoReply::NotConnected)?;
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| NoReply::NotConnected),
            () = self.end_of(&session) => Err(NoReply::NotConnected),
        }
    }

    async fn session(&self) -> Result<Session, NoReply> {
        let mut current = self.current.clone();
        let session = timeout(CONNECTION_PATIENCE, current.wait_for(Option::is_some)).await;
        session.ok().and_then(Result::ok).and_then(|session| session.clone()).ok_or(NoReply::NotConnected)
    }

    async fn end_of(&self, session: &Session) {
        let is_over = |now: &Option<Session>| now.as_ref().is_none_or(|now| now.epoch != session.epoch);
        // An error means that the process ends, and every session with it.
        let _ = self.current.clone().wait_for(is_over).await;
    }
}

impl Shared {
    async fn keep_connected(&self, current: &watch::Sender<Option<Session>>) {
        let mut backoff = Backoff::default();
        loop {
            match self.open().await {
                Ok((connection, session, answers)) => {
                    info!(broker = %self.connector.url(), "requester connected");
                    backoff.reset();
                    self.telemetry.connected(Role::Tests, true);
                    current.send_replace(Some(session));
                    self.hand_over(answers).await;
                    current.send_replace(None);
                    self.telemetry.connected(Role::Tests, false);
                    drop(connection);
                    warn!(broker = %self.connector.url(), "requester lost its connection");
                }
                Err(error) if backoff.is_fresh() => {
                    warn!(broker = %self.connector.url(), %error, "requester waits for the broker");
                }
                Err(_) => {}
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// The channel that asks must be the one that answers come to, and must wait for them before it asks.
    async fn open(&self) -> Result<(Connection, Session, lapin::Consumer), lapin::Error> {
        let connection = self.connector.connect("requester").await?;
        let channel = connection.create_channel().await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let answers = channel.basic_consume(REPLY_TO.into(), "".into(), options, FieldTable::default()).await?;
        Ok((connection, Session { channel, epoch: next_epoch() }, answers))
    }

    /// Ends with the connection.
    async fn hand_over(&self, mut answers: lapin::Consumer) {
        while let Some(Ok(answer)) = answers.next().await {
            self.waiting.hand_over(answer);
        }
    }
}

/// Who waits for which answer, by the correlation id's number.
#[derive(Clone, Default)]
struct Waiting {
    askers: Arc<Mutex<HashMap<u64, oneshot::Sender<Bytes>>>>,
}

/// A place among those who wait, given up when dropped.
struct Asked {
    number: u64,
    waiting: Waiting,
}

impl Waiting {
    fn enter(&self) -> (Asked, oneshot::Receiver<Bytes>) {
        // Never twice in a process, so that a late answer is nobody else's.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (asker, answer) = oneshot::channel();
        self.lock().insert(number, asker);
        (Asked { number, waiting: self.clone() }, answer)
    }

    fn hand_over(&self, answer: Delivery) {
        let number = answer.properties.correlation_id().as_ref().and_then(|id| id.as_str().parse().ok());
        let asker = number.and_then(|number: u64| self.lock().remove(&number));
        if let Some(asker) = asker {
            // Whoever asked may just have given up.
            let _ = asker.send(Bytes::from(answer.data));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Bytes>>> {
        self.askers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.number);
    }
}
