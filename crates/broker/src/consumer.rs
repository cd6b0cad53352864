//! Taking messages from one queue, over a connection that always comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ErrorKind};
use tracing::{info, warn};

use crate::acknowledgement::{Acknowledgement, SessionAcknowledgements};
use crate::backoff::Backoff;
use crate::connection::Connector;
use crate::message::Message;
use crate::telemetry::{Role, Telemetry};
use crate::topology::Topology;

/// With nothing arriving for this long, the queue holds no more of what broke the connection.
const ISOLATION_IDLE: Duration = Duration::from_secs(2);

/// How the broker's names for channels that wait for answers begin.
const ASKER_PREFIX: &str = "amq.rabbitmq.reply-to.";

/// A broker that does not answer must not hold up a stop; during an alarm it does not.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A message received, with the duty to acknowledge it.
#[derive(Debug)]
pub struct Incoming {
    /// The body, as it came.
    pub body: Bytes,
    /// The broker delivered it before, to this process or another.
    pub redelivered: bool,
    /// Consumed once, when everything it caused is durable.
    pub acknowledgement: Acknowledgement,
    properties: BasicProperties,
}

impl Incoming {
    /// The AMQP content type.
    pub fn content_type(&self) -> Option<&str> {
        self.properties.content_type().as_ref().map(ShortString::as_str)
    }

    /// The AMQP content encoding.
    pub fn content_encoding(&self) -> Option<&str> {
        self.properties.content_encoding().as_ref().map(ShortString::as_str)
    }

    /// A text header; `None` when it is absent, not text or not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
            AMQPValue::ShortString(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The same message for another queue of ours: body, content type, id and the producer's headers unchanged.
    pub fn forward_to(&self, exchange: &str, queue: &str) -> Message {
        Message::new(exchange, queue, self.body.clone()).with_properties_of(&self.properties)
    }

    /// The answer to a question, for the one who asked; `None` when nobody waits for one.
    ///
    /// Only a channel's own address counts: with any other name, whoever asks could have us publish into any queue.
    pub fn answer(&self, body: impl Into<Bytes>) -> Option<Message> {
        let asker = self.properties.reply_to().as_ref().filter(|name| name.as_str().starts_with(ASKER_PREFIX))?;
        let id = self.properties.correlation_id().clone()?;
        // Such addresses are known to the default exchange alone.
        Some(Message::new("", asker.as_str(), body).correlation_id(id))
    }
}

/// A consumer of one queue.
pub struct Consumer {
    connector: Connector,
    topology: Topology,
    telemetry: Arc<Telemetry>,
    queue: &'static str,
    prefetch: u16,
    role: Role,
    session: Option<Session>,
    backoff: Backoff,
    isolation: Isolation,
}

struct Session {
    stream: lapin::Consumer,
    acknowledgements: Arc<SessionAcknowledgements>,
    /// Takes one message at a time.
    isolated: bool,
    channel: Channel,
    /// Dropping it would close the channel under its acknowledgements.
    connection: Connection,
    flusher: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.flusher.abort();
    }
}

/// One message with a property that is not UTF-8 ends lapin's whole connection, unseen. The broker's delivery limit
/// parks such a message, and with it everything else in the same prefetch window. So after such an error messages are
/// taken one at a time, until enough of them went well.
#[derive(Debug, Default)]
struct Isolation {
    remaining: u32,
}

impl Isolation {
    fn begin(&mut self, prefetch: u16) {
        self.remaining = u32::from(prefetch);
    }

    fn is_on(&self) -> bool {
        self.remaining > 0
    }

    fn passed(&mut self) {
        self.remaining = self.remaining.saturating_sub(1);
    }

    fn end(&mut self) {
        self.remaining = 0;
    }
}

impl Consumer {
    /// `prefetch` is the number of messages taken and not yet acknowledged. The topology is declared again at every
    /// connection, so that a broker that lost its volume is set up anew.
    pub fn new(
        connector: Connector,
        topology: Topology,
        telemetry: Arc<Telemetry>,
        queue: &'static str,
        prefetch: u16,
    ) -> Self {
        let (session, backoff, isolation) = (None, Backoff::default(), Isolation::default());
        let role = Role::Consumer;
        Self { connector, topology, telemetry, queue, prefetch, role, session, backoff, isolation }
    }

    /// Shown apart from the process' main consumer, and not needed for the process to be ready.
    #[must_use]
    pub fn for_tests(self) -> Self {
        Self { role: Role::Tests, ..self }
    }

    /// The next message, however long the broker is away. May be dropped and called again; nothing is lost.
    pub async fn next(&mut self) -> Incoming {
        loop {
            self.leave_isolation().await;
            match &mut self.session {
                Some(session) => match next_of(session, self.isolation.is_on()).await {
                    Ok(Some(delivery)) => return self.receive(delivery),
                    Ok(None) => self.isolation.end(),
                    Err(error) => self.end_session(error).await,
                },
                None => self.open().await,
            }
        }
    }

    /// Takes no more messages. What was taken can still be acknowledged until [`Consumer::rest`].
    pub async fn stop(&mut self) {
        if let Some(session) = &self.session {
            let tag = session.stream.tag();
            // A failure means the session is over, which also takes no more messages.
            let _ = session.channel.basic_cancel(tag, BasicCancelOptions::default()).await;
        }
    }

    /// Leaves the queue to others until [`Consumer::next`] is called again: the connection is closed, and what was not
    /// acknowledged is delivered again.
    pub async fn rest(&mut self) {
        self.telemetry.connected(self.role, false);
        if let Some(session) = self.session.take() {
            session.acknowledgements.flush_on(&session.channel).await;
            let close = async {
                session.channel.close(200, "resting".into()).await?;
                session.connection.close(200, "resting".into()).await
            };
            // The broker treats a connection that vanishes like one that closes.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
        }
    }

    /// How the log and the broker's management page call it.
    fn name(&self) -> &'static str {
        if self.role == Role::Tests { "consumer of tests" } else { "consumer" }
    }

    fn receive(&mut self, delivery: Delivery) -> Incoming {
        let session = self.session.as_ref().expect("a message comes from a session");
        self.isolation.passed();
        if delivery.redelivered {
            self.telemetry.redelivered();
        }
        Incoming {
            body: Bytes::from(delivery.data),
            redelivered: delivery.redelivered,
            acknowledgement: Acknowledgement::new(delivery.delivery_tag, Arc::clone(&session.acknowledgements)),
            properties: delivery.properties,
        }
    }

    async fn open(&mut self) {
        match self.connect().await {
            Ok(session) => {
                info!(queue = self.queue, broker = %self.connector.url(), "{} connected", self.name());
                self.session = Some(session);
                self.backoff.reset();
                self.telemetry.connected(self.role, true);
            }
            Err(error) => {
                if self.backoff.is_fresh() {
                    warn!(queue = self.queue, broker = %self.connector.url(), %error, "{} waits for the broker", self.name());
                }
                tokio::time::sleep(self.backoff.next()).await;
            }
        }
    }

    async fn connect(&self) -> Result<Session, crate::DeclareError> {
        self.topology.declare(&self.connector).await?;
        let connection = self.connector.connect(self.name()).await?;
        let channel = connection.create_channel().await?;
        let isolated = self.isolation.is_on();
        let prefetch = if isolated { 1 } else { self.prefetch };
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let stream = channel.basic_consume(self.queue.into(), "".into(), options, arguments).await?;
        let acknowledgements = SessionAcknowledgements::new(prefetch);
        let (flushed, on) = (Arc::clone(&acknowledgements), channel.clone());
        let flusher = tokio::spawn(async move { flushed.send_on(&on).await });
        Ok(Session { stream, acknowledgements, isolated, channel, connection, flusher })
    }

    /// The stream ended: the connection failed, or somebody deleted the queue or cancelled the consumer.
    async fn end_session(&mut self, error: Option<lapin::Error>) {
        self.session = None;
        self.telemetry.connected(self.role, false);
        let unreadable = error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::ParsingError(_)));
        let error = error.map_or_else(|| "the broker cancelled the consumer".to_owned(), |error| error.to_string());
        warn!(queue = self.queue, error, "{} lost its connection", self.name());
        if unreadable {
            self.isolation.begin(self.prefetch);
        }
        tokio::time::sleep(self.backoff.next()).await;
    }

    /// Once enough isolated messages have passed, the next session takes many again.
    async fn leave_isolation(&mut self) {
        let isolated = self.session.as_ref().is_some_and(|session| session.isolated);
        if isolated && !self.isolation.is_on() {
            self.rest().await;
        }
    }
}

/// A message, or `None` when an isolated session had nothing for a while.
///
/// # Errors
/// The session ended: by the error, or because the broker cancelled the consumer.
async fn next_of(session: &mut Session, isolated: bool) -> Result<Option<Delivery>, Option<lapin::Error>> {
    let next = if isolated {
        match tokio::time::timeout(ISOLATION_IDLE, session.stream.next()).await {
            Ok(next) => next,
            Err(_) => return Ok(None),
        }
    } else {
        session.stream.next().await
    };
    match next {
        Some(Ok(delivery)) => Ok(Some(delivery)),
        Some(Err(error)) => Err(Some(error)),
        None => Err(None),
    }
}
