//! One session: a connection, a channel, a consumer, and the unacknowledged messages.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Event};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::acknowledgement::{Acknowledgement, SessionAcknowledgements};
use crate::byte_budget::ByteBudget;
use crate::connection::{ANSWER_TIMEOUT, Connection, in_time};
use crate::incoming::{Incoming, returns_of};
use crate::intake::Intake;
use crate::message::is_repeat;
use crate::order::{Order, Wanted};
use crate::telemetry::Telemetry;
use crate::window::Window;

/// Timeout for sending the last acknowledgements when a session is closed.
const FLUSHED_WITHIN: Duration = Duration::from_secs(2);
/// lapin reports the cause of a connection's end separately from the end itself.
const CAUSE_TOLD_WITHIN: Duration = Duration::from_millis(100);
/// If the socket was not read for this long because of the byte budget, the session is closed: the broker is about to
/// miss heartbeats, and other consumers can take the waiting messages.
const SHUT_AT_MOST: Duration = Duration::from_secs(8);
/// While the broker blocks publishes nothing can be acknowledged. After half an hour it closes channels that hold
/// messages, repeatedly, and counts each time against the messages; so they are handed back once, before.
pub(crate) const BLOCKED_AT_MOST: Duration = Duration::from_secs(60);
/// If nothing arrives for this long, the messages that the isolation was for are gone from the queue.
const ISOLATION_IDLE: Duration = Duration::from_secs(2);
/// Polling interval for conditions without an event.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why a session ended.
pub(crate) enum End {
    /// By command of its owner.
    Closed,
    /// Over the byte budget for too long.
    Overrun,
    /// The broker has blocked publishes for long, so nothing can be finished.
    Blocked,
    /// An error, or the broker cancelled the consumer.
    Failed(Option<lapin::Error>),
}

impl From<lapin::Error> for End {
    fn from(error: lapin::Error) -> Self {
        Self::Failed(Some(error))
    }
}

/// The environment of a session.
pub(crate) struct Duty<'a> {
    pub(crate) window: &'a mut Window,
    pub(crate) orders: &'a mut watch::Receiver<Order>,
    pub(crate) done: &'a watch::Sender<u64>,
    pub(crate) messages: &'a mpsc::Sender<Incoming>,
    pub(crate) budget: &'a ByteBudget,
    pub(crate) telemetry: &'a Telemetry,
}

/// A change of the consumer: the broker's replies come behind the messages that it has sent before, so these are passed on
/// meanwhile. Otherwise nothing more would be read once as much as may be read ahead was read, and no reply would come.
struct Change {
    replied: Pin<Box<dyn Future<Output = Result<Option<NewConsumer>, lapin::Error>> + Send>>,
    /// The number of the order that it carries out.
    order: Option<u64>,
}

struct NewConsumer {
    stream: lapin::Consumer,
    /// Its prefetch count.
    at_once: u16,
}

pub(crate) struct Session {
    intake: Intake,
    acknowledgements: Arc<SessionAcknowledgements>,
    /// The last consumer is current; former ones were cancelled and may have a few messages left.
    streams: VecDeque<lapin::Consumer>,
    /// The tag of the consumer in use; none while it is being replaced.
    consuming: Option<ShortString>,
    /// Its prefetch count.
    at_once: u16,
    /// The consumer is being cancelled or replaced.
    change: Option<Change>,
    /// To be carried out after that.
    ordered: Option<Order>,
    /// The window may differ from the prefetch count: a message was received, or time has passed.
    adjusts: bool,
    consumes_since: Instant,
    last_received: Option<Instant>,
    channel: Channel,
    connection: Connection,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

impl Session {
    /// Opens a session that does not consume yet.
    pub(crate) async fn open(connection: Connection, intake: Intake) -> Result<Self, lapin::Error> {
        let events = Box::pin(connection.events());
        let channel = connection.create_channel().await?;
        Ok(Self {
            intake,
            acknowledgements: SessionAcknowledgements::new(intake.messages),
            streams: VecDeque::new(),
            consuming: None,
            at_once: 0,
            change: None,
            ordered: None,
            adjusts: false,
            consumes_since: Instant::now(),
            last_received: None,
            channel,
            connection,
            events,
        })
    }

    /// Consumes until the session ends. Starts with a prefetch of one: the first message decides the prefetch.
    pub(crate) async fn serve(&mut self, duty: Duty<'_>) -> End {
        self.begin(Some(1), None);
        let end = self.hand_on(duty).await;
        match end {
            End::Failed(Some(error)) => End::Failed(Some(self.cause_of(error).await)),
            end => end,
        }
    }

    /// Passes on messages and sends acknowledgements.
    async fn hand_on(&mut self, mut duty: Duty<'_>) -> End {
        self.connection.socket().limit_reading(duty.budget.clone());
        let acknowledgements = Arc::clone(&self.acknowledgements);
        let channel = self.channel.clone();
        let acknowledging = async move { acknowledgements.send_on(&channel).await };
        tokio::pin!(acknowledging);
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            duty.telemetry.holds(
                self.intake.queue,
                self.consumers(),
                self.acknowledgements.unacknowledged(),
            );
            self.advance(&mut duty);
            let socket = self.connection.socket();
            let step = tokio::select! {
                biased;
                ordered = duty.orders.changed() => self.ordered(ordered.is_ok(), &mut duty),
                error = &mut acknowledging => Err(error.into()),
                replied = replied(&mut self.change) => self.changed(replied, &duty),
                next = next_of(&mut self.streams, self.consuming.is_some(), duty.messages) => match next {
                    Ok((place, delivery)) => {
                        place.send(self.receive(delivery, &mut duty));
                        Ok(())
                    }
                    Err(end) => Err(end),
                },
                // Only when no message is ready: lapin has processed everything that was read.
                () = socket.read_ahead() => {
                    socket.seen();
                    Ok(())
                }
                _ = look.tick() => self.look(&mut duty),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Closes gracefully where possible, and the socket in any case.
    pub(crate) async fn close(self) {
        let flush = self.acknowledgements.flush_on(&self.channel);
        // A broker that does not accept these in time does not respond to a close, either.
        let flushed = timeout(FLUSHED_WITHIN, flush).await;
        self.acknowledgements.end();
        match flushed {
            Ok(()) => self.connection.close().await,
            Err(_) => self.connection.abandon(),
        }
    }

    /// Closes the socket at once.
    pub(crate) fn abandon(self) {
        self.acknowledgements.end();
        self.connection.abandon();
    }

    /// Whether it received any message.
    pub(crate) fn has_received(&self) -> bool {
        self.last_received.is_some()
    }

    /// The cause of the connection's end, after `error` was seen on it: users of an ended connection see only that it
    /// ended.
    async fn cause_of(&mut self, error: lapin::Error) -> lapin::Error {
        let events = &mut self.events;
        let cause = async {
            while let Some(event) = events.next().await {
                if let Event::Error(cause) = event {
                    return Some(cause);
                }
            }
            None
        };
        timeout(CAUSE_TOLD_WITHIN, cause).await.ok().flatten().unwrap_or(error)
    }

    fn consumers(&self) -> usize {
        usize::from(self.consuming.is_some())
    }

    /// `is_wanted`: the consumer still exists.
    fn ordered(&mut self, is_wanted: bool, duty: &mut Duty<'_>) -> Result<(), End> {
        let order = *duty.orders.borrow_and_update();
        if !is_wanted || order.wanted == Wanted::Close {
            return Err(End::Closed);
        }
        self.ordered = Some(order);
        Ok(())
    }

    /// Begins what is to be done next, unless a change is under way: the last order, or an adjustment of the prefetch. That
    /// not while the socket is not read: the reply would not be read, either.
    fn advance(&mut self, duty: &mut Duty<'_>) {
        let adjusts = std::mem::take(&mut self.adjusts) && self.connection.socket().shut_for().is_none();
        if self.change.is_some() {
            return;
        }
        match self.ordered.take() {
            Some(order) => match (order.wanted, self.consuming.is_some()) {
                (Wanted::Consume, false) => self.begin(Some(duty.window.size()), Some(order.number)),
                (Wanted::Cancel, true) => self.begin(None, Some(order.number)),
                _ => {
                    duty.done.send_replace(order.number);
                }
            },
            None if adjusts && self.consuming.is_some() && duty.window.differs(self.at_once) => {
                self.begin(Some(duty.window.size()), None);
            }
            None => {}
        }
    }

    /// Begins to consume with this prefetch count, or to consume no more. The channel stays, so consumed messages can be
    /// acknowledged on it.
    fn begin(&mut self, at_once: Option<u16>, order: Option<u64>) {
        let channel = self.channel.clone();
        let queue = self.intake.queue;
        let former = self.consuming.take();
        let replied = async move {
            if let Some(tag) = former {
                in_time(ANSWER_TIMEOUT, channel.basic_cancel(tag, BasicCancelOptions::default())).await?;
            }
            let Some(at_once) = at_once else { return Ok(None) };
            in_time(ANSWER_TIMEOUT, channel.basic_qos(at_once, BasicQosOptions::default())).await?;
            let options = BasicConsumeOptions::default();
            let arguments = FieldTable::default();
            let consuming = channel.basic_consume(queue.into(), "".into(), options, arguments);
            let stream = in_time(ANSWER_TIMEOUT, consuming).await?;
            Ok(Some(NewConsumer { stream, at_once }))
        };
        self.change = Some(Change {
            replied: Box::pin(replied),
            order,
        });
    }

    fn changed(&mut self, replied: Result<Option<NewConsumer>, lapin::Error>, duty: &Duty<'_>) -> Result<(), End> {
        let order = self.change.take().and_then(|change| change.order);
        if let Some(NewConsumer { stream, at_once }) = replied? {
            self.consuming = Some(stream.tag());
            self.at_once = at_once;
            self.consumes_since = Instant::now();
            self.streams.push_back(stream);
            duty.telemetry.consumes(self.intake.queue, true);
        }
        if let Some(number) = order {
            duty.done.send_replace(number);
        }
        Ok(())
    }

    fn receive(&mut self, delivery: Delivery, duty: &mut Duty<'_>) -> Incoming {
        self.last_received = Some(Instant::now());
        self.adjusts = true;
        if delivery.redelivered {
            duty.telemetry.redelivered();
        }
        let redelivered = delivery.redelivered || is_repeat(&delivery.properties);
        // A first delivery may carry a producer's header of that name: copied from another queue, or forged.
        let returns = if delivery.redelivered {
            returns_of(&delivery.properties)
        } else {
            0
        };
        duty.window.taken(delivery.data.len(), returns);
        self.acknowledgements.received();
        Incoming {
            body: duty.budget.hold(delivery.data),
            redelivered,
            returns,
            acknowledgement: Acknowledgement::new(delivery.delivery_tag, Arc::clone(&self.acknowledgements)),
            properties: delivery.properties,
        }
    }

    fn look(&mut self, duty: &mut Duty<'_>) -> Result<(), End> {
        let window = &mut *duty.window;
        if duty.telemetry.blocked_for() > BLOCKED_AT_MOST {
            return Err(End::Blocked);
        }
        if self
            .connection
            .socket()
            .shut_for()
            .is_some_and(|time| time > SHUT_AT_MOST)
        {
            window.overran(self.at_once);
            return Err(End::Overrun);
        }
        let is_idle = |since: Instant| since.elapsed() > ISOLATION_IDLE;
        let idle = is_idle(self.consumes_since) && self.last_received.is_none_or(is_idle);
        // A message that is still being processed has ended neither the session nor the process.
        if window.is_isolated() && self.consuming.is_some() && idle {
            window.end_isolation();
        }
        self.adjusts = true;
        Ok(())
    }
}

/// The broker's reply to a change, if one is under way.
async fn replied(change: &mut Option<Change>) -> Result<Option<NewConsumer>, lapin::Error> {
    match change {
        Some(change) => change.replied.as_mut().await,
        None => std::future::pending().await,
    }
}

/// A message and a place in the buffer. `consuming`: the last stream is not expected to end.
async fn next_of<'a>(
    streams: &mut VecDeque<lapin::Consumer>,
    consuming: bool,
    messages: &'a mpsc::Sender<Incoming>,
) -> Result<(mpsc::Permit<'a, Incoming>, Delivery), End> {
    let place = messages.reserve().await.map_err(|_| End::Closed)?;
    loop {
        let is_last = streams.len() == 1;
        let Some(stream) = streams.front_mut() else {
            return std::future::pending().await;
        };
        match stream.next().await {
            Some(Ok(delivery)) => return Ok((place, delivery)),
            Some(Err(error)) => return Err(error.into()),
            None if is_last && consuming => return Err(End::Failed(None)),
            None => drop(streams.pop_front()),
        }
    }
}
