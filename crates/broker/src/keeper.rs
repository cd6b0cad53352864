//! The task behind a consumer: runs one session after the other, each closed before the next begins.

use std::time::{Duration, Instant};

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use runtime::with_causes;
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use crate::broker::Broker;
use crate::byte_budget::ByteBudget;
use crate::incoming::Incoming;
use crate::intake::Intake;
use crate::order::{Order, Wanted};
use crate::reconnect::Reconnecting;
use crate::session::{BLOCKED_AT_MOST, Duty, End, LOOK_EVERY, Session};
use crate::topology::{self, Topology};
use crate::window::Window;

/// A session that ended sooner was short. Several short ones in a row are attributed to a message.
const SHORT: Duration = Duration::from_secs(5);
const SHORT_IN_A_ROW: u32 = 3;
/// Pause while a message that ends each session is consumed alone, until the broker parks it.
const AT_ONCE: Duration = Duration::from_millis(10);
/// This many in a row are 50 such messages. A queue without a delivery limit must not cause a busy loop.
const AT_ONCE_IN_A_ROW: u32 = 1000;

/// Somebody deleted the queue, or the node that leads it left.
#[derive(Debug, thiserror::Error)]
#[error("the broker cancelled the consumer")]
struct Cancelled;

/// Opens the sessions of a consumer.
pub(crate) struct Opener {
    /// With the topology that the queue needs.
    broker: Broker,
    intake: Intake,
    /// Name in the log and in the broker's management page.
    name: &'static str,
    budget: ByteBudget,
}

impl Opener {
    pub(crate) fn new(broker: &Broker, intake: Intake) -> Self {
        let mut broker = broker.clone();
        let name = match intake.queue {
            topology::TESTS => {
                broker.topology = Topology::of_tests();
                "consumer of tests"
            }
            topology::DELIVERIES_BULK => "bulk consumer",
            _ => "consumer",
        };
        Self {
            broker,
            intake,
            name,
            budget: ByteBudget::new(intake.bytes),
        }
    }

    /// `isolated`: messages are consumed one by one.
    async fn open(&self, isolated: bool) -> Result<Session, lapin::Error> {
        // A session that can finish nothing, or may not be read, would only cost its messages a return.
        while self.broker.telemetry.blocked_for() > BLOCKED_AT_MOST || !self.budget.is_below_limit() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let connection = self.broker.connector.connect(self.name).await?;
        if !isolated {
            self.broker.topology.mend(&connection).await;
        }
        Session::open(connection, self.intake).await
    }
}

pub(crate) struct Keeper {
    opener: Opener,
    connections: Reconnecting,
    orders: watch::Receiver<Order>,
    /// Number of the last order carried out.
    done: watch::Sender<u64>,
    messages: mpsc::Sender<Incoming>,
    window: Window,
    /// Consecutive sessions that ended soon after they had received something.
    short: u32,
    /// Consecutive sessions that one message ended while it was consumed alone.
    at_once: u32,
}

impl Keeper {
    pub(crate) fn new(
        opener: Opener,
        orders: watch::Receiver<Order>,
        done: watch::Sender<u64>,
        messages: mpsc::Sender<Incoming>,
    ) -> Self {
        let intake = opener.intake;
        opener.broker.telemetry.consumes(intake.queue, false);
        Self {
            connections: Reconnecting::new(opener.name, &opener.broker.connector),
            opener,
            orders,
            done,
            messages,
            window: Window::new(intake.messages.max(1), intake.bytes),
            short: 0,
            at_once: 0,
        }
    }

    /// Carries out orders until the consumer is dropped.
    pub(crate) async fn run(mut self) {
        while self.orders.has_changed().is_ok() {
            let order = *self.orders.borrow_and_update();
            if order.wanted == Wanted::Consume {
                self.stay().await;
            } else {
                // Between sessions nothing is consumed and nothing is held.
                self.done.send_replace(order.number);
                let _ = self.orders.changed().await;
            }
        }
    }

    /// One session, or the attempts to open one.
    async fn stay(&mut self) {
        let isolated = self.window.is_isolated();
        let session = tokio::select! {
            biased;
            () = not_wanted(&mut self.orders) => return,
            session = self.connections.open(|| self.opener.open(isolated)) => session,
        };
        if isolated {
            debug!(queue = self.queue(), "consuming with a prefetch of one");
        } else {
            self.connections.connected();
        }
        self.serve(session).await;
    }

    async fn serve(&mut self, mut session: Session) {
        let duty = Duty {
            window: &mut self.window,
            orders: &mut self.orders,
            done: &self.done,
            messages: &self.messages,
            budget: &self.opener.budget,
            telemetry: &self.opener.broker.telemetry,
        };
        let begun = Instant::now();
        let end = session.serve(duty).await;
        let received = session.has_received();
        match end {
            End::Closed | End::Blocked => session.close().await,
            End::Overrun | End::Failed(_) => session.abandon(),
        }
        self.opener.broker.telemetry.consumes(self.queue(), false);
        self.opener.broker.telemetry.holds(self.queue(), 0, 0);
        self.at_once = if received { 0 } else { self.at_once + 1 };
        self.short = if received && begun.elapsed() < SHORT {
            self.short + 1
        } else {
            0
        };
        self.after(end);
    }

    /// Logs the end of a session, and decides how soon the next one follows: at once, unless it says otherwise.
    fn after(&mut self, end: End) {
        let queue = self.queue();
        match end {
            End::Closed => self.short = 0,
            End::Blocked => warn!(
                queue,
                "the broker has blocked publishes for long (backpressure): consumption stops until it accepts them"
            ),
            End::Overrun => {
                warn!(queue, "byte budget exceeded (backpressure): the prefetch is reduced");
                self.connections.back_off();
            }
            End::Failed(error) => {
                let by_message = error.as_ref().is_some_and(may_be_by_a_message) || self.short >= SHORT_IN_A_ROW;
                let error = error
                    .as_ref()
                    .map_or(&Cancelled as &dyn std::error::Error, |error| error);
                if by_message && self.window.is_isolated() && self.at_once < AT_ONCE_IN_A_ROW {
                    debug!(
                        queue,
                        error = with_causes(error),
                        "a message ended the connection again"
                    );
                    return self.connections.pause(AT_ONCE);
                }
                self.connections.lost(error);
                if by_message {
                    warn!(
                        queue,
                        "a message may have ended the connection: consuming one message at a time until it is parked"
                    );
                    self.window.isolate();
                }
            }
        }
    }

    fn queue(&self) -> &'static str {
        self.opener.intake.queue
    }
}

/// A property that is not UTF-8, or headers larger than a frame, end lapin's whole connection before the message is
/// seen. Any connection-level error found by the client library or the broker may be of that kind; a regular close by
/// the broker is not.
fn may_be_by_a_message(error: &lapin::Error) -> bool {
    match error.kind() {
        ErrorKind::ParsingError(_) => true,
        ErrorKind::ProtocolError(error) => {
            matches!(error.kind(), AMQPErrorKind::Hard(kind) if !matches!(kind, AMQPHardError::CONNECTIONFORCED))
        }
        _ => false,
    }
}

/// Returns when messages are not wanted any more, or the sender is dropped.
async fn not_wanted(orders: &mut watch::Receiver<Order>) {
    let _ = orders.wait_for(|order| order.wanted != Wanted::Consume).await;
}
