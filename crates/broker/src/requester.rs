//! RPC: requests over the broker and their replies, over a connection that reconnects.
//!
//! Replies use RabbitMQ's direct reply-to: without a queue, to the requesting channel, as long as it lives. So a reply
//! can be lost, and a request is not repeated: the caller gets an error.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::connection::{ANSWER_TIMEOUT, Connection, Connector, in_time};
use crate::message::{Message, next_epoch};
use crate::reconnect::{Current, Reconnecting};
use crate::telemetry::Role;
use crate::topology::Topology;

/// The pseudo-queue of direct reply-to; the broker replaces it by the channel's own address.
const REPLY_TO: &str = "amq.rabbitmq.reply-to";
/// Maximum requests in flight in one process; more wait. Bounds the memory.
const MAX_WAITING: usize = 256;
/// Timeout for a connection: users wait for the result.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);

/// Makes requests, many at once. Clones share one connection.
#[derive(Clone)]
pub struct Requester {
    shared: Arc<Shared>,
    current: watch::Receiver<Option<Session>>,
}

/// Why there is no reply. The request may have been processed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// No reply in time.
    #[error("no reply arrived in time")]
    TimedOut,
    /// There is no connection to the broker, or it broke.
    #[error("there is no connection to the broker")]
    NotConnected,
}

struct Shared {
    connector: Connector,
    places: Semaphore,
    waiting: Waiting,
}

#[derive(Clone)]
struct Session {
    channel: Channel,
    epoch: u64,
}

impl Broker {
    /// A requester that connects in the background, until `end` is cancelled.
    pub fn requester(&self, end: CancellationToken) -> Requester {
        let shared = Arc::new(Shared {
            connector: self.connector.clone(),
            places: Semaphore::new(MAX_WAITING),
            waiting: Waiting::default(),
        });
        let (session, current) = Current::new(Role::Tests, &self.telemetry);
        let keeping = Arc::clone(&shared).keep_connected(session);
        tokio::spawn(end.run_until_cancelled_owned(keeping));
        Requester { shared, current }
    }
}

impl Requester {
    /// Publishes a request and returns its reply's body. The request expires `within` this time if it is not consumed.
    ///
    /// # Errors
    /// [`NoReply`] when there is no reply in time, or can be none.
    pub async fn ask(&self, question: Message, within: Duration) -> Result<Bytes, NoReply> {
        let deadline = Instant::now() + within;
        timeout_at(deadline, self.ask_until(question, deadline))
            .await
            .unwrap_or(Err(NoReply::TimedOut))
    }

    async fn ask_until(&self, question: Message, deadline: Instant) -> Result<Bytes, NoReply> {
        let _place = self.shared.places.acquire().await.map_err(|_| NoReply::NotConnected)?;
        let session = self.session().await?;
        let (asked, answer) = self.shared.waiting.enter();
        let left = deadline.saturating_duration_since(Instant::now());
        let Message {
            exchange,
            routing_key,
            properties,
            body,
        } = question.expiring_after(left);
        let properties = properties
            .with_reply_to(REPLY_TO.into())
            .with_correlation_id(asked.number.to_string().into());
        let options = BasicPublishOptions::default();
        let published = session
            .channel
            .basic_publish(exchange, routing_key, options, &body, properties)
            .await;
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
        session
            .ok()
            .and_then(Result::ok)
            .and_then(|session| session.clone())
            .ok_or(NoReply::NotConnected)
    }

    async fn end_of(&self, session: &Session) {
        let is_over = |now: &Option<Session>| now.as_ref().is_none_or(|now| now.epoch != session.epoch);
        // An error means that the process ends, and every session with it.
        let _ = self.current.clone().wait_for(is_over).await;
    }
}

impl Shared {
    async fn keep_connected(self: Arc<Self>, current: Current<Session>) {
        let mut connections = Reconnecting::new("requester", &self.connector);
        loop {
            let (connection, session, answers) = connections.open(|| self.open()).await;
            connections.connected();
            current.set(session);
            let end = self.hand_over(answers).await;
            current.clear();
            drop(connection);
            connections.lost(&end);
        }
    }

    /// The requesting channel must be the one that receives replies, and must consume them before the request.
    async fn open(&self) -> Result<(Connection, Session, lapin::Consumer), lapin::Error> {
        let connection = self.connector.connect("requester").await?;
        // Senders consume requests from the same queue; the first process declares it.
        Topology::of_tests().mend(&connection).await;
        let channel = connection.create_channel().await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let answering = channel.basic_consume(REPLY_TO.into(), "".into(), options, FieldTable::default());
        let answers = in_time(ANSWER_TIMEOUT, answering).await?;
        Ok((
            connection,
            Session {
                channel,
                epoch: next_epoch(),
            },
            answers,
        ))
    }

    /// Ends with the connection.
    async fn hand_over(&self, mut answers: lapin::Consumer) -> lapin::Error {
        loop {
            match answers.next().await {
                Some(Ok(answer)) => self.waiting.hand_over(answer),
                Some(Err(error)) => return error,
                None => return std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into(),
            }
        }
    }
}

/// The waiting callers, by the number in the correlation id.
#[derive(Clone, Default)]
struct Waiting {
    askers: Arc<Mutex<HashMap<u64, oneshot::Sender<Bytes>>>>,
}

/// An entry among the waiting callers, removed when dropped.
struct Asked {
    number: u64,
    waiting: Waiting,
}

impl Waiting {
    fn enter(&self) -> (Asked, oneshot::Receiver<Bytes>) {
        // Unique in a process, so that a late reply cannot match another request.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (asker, answer) = oneshot::channel();
        self.lock().insert(number, asker);
        (
            Asked {
                number,
                waiting: self.clone(),
            },
            answer,
        )
    }

    fn hand_over(&self, answer: Delivery) {
        let number = answer
            .properties
            .correlation_id()
            .as_ref()
            .and_then(|id| id.as_str().parse().ok());
        let asker = number.and_then(|number: u64| self.lock().remove(&number));
        if let Some(asker) = asker {
            // The caller may have given up just now.
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
