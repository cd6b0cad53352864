//! The task behind a consumer: runs one session after the other, each closed before the next begins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use runtime::with_causes;
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use crate::backoff::Backoff;
use crate::byte_budget::ByteBudget;
use crate::connection::Connector;
use crate::connection_log::ConnectionLog;
use crate::incoming::Incoming;
use crate::intake::Intake;
use crate::order::{Order, Wanted};
use crate::session::{BLOCKED_AT_MOST, Duty, End, LOOK_EVERY, Session};
use crate::telemetry::Telemetry;
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

pub(crate) struct Keeper {
    connector: Connector,
    topology: Topology,
    telemetry: Arc<Telemetry>,
    intake: Intake,
    /// Name in the log and in the broker's management page.
    name: &'static str,
    messages: mpsc::Sender<Incoming>,
    budget: ByteBudget,
    window: Window,
    backoff: Backoff,
    log: ConnectionLog,
    /// Consecutive sessions that ended soon after they had received something.
    short: u32,
    /// Consecutive sessions that one message ended while it was consumed alone.
    at_once: u32,
}

impl Keeper {
    pub(crate) fn new(
        connector: Connector,
        topology: Topology,
        telemetry: Arc<Telemetry>,
        intake: Intake,
        messages: mpsc::Sender<Incoming>,
    ) -> Self {
        let budget = ByteBudget::new(intake.bytes);
        let window = Window::new(intake.messages.max(1), intake.bytes);
        let (name, topology) = match intake.queue {
            topology::TESTS => ("consumer of tests", Topology::of_tests()),
            topology::DELIVERIES_BULK => ("bulk consumer", topology),
            _ => ("consumer", topology),
        };
        telemetry.consumes(intake.queue, false);
        let log = ConnectionLog::new(name, &connector);
        let backoff = Backoff::default();
        let short = 0;
        let at_once = 0;
        Self {
            connector,
            topology,
            telemetry,
            intake,
            name,
            messages,
            budget,
            window,
            backoff,
            log,
            short,
            at_once,
        }
    }

    /// Carries out commands until the sender is dropped.
    pub(crate) async fn run(mut self, mut orders: watch::Receiver<Order>, done: watch::Sender<u64>) {
        while orders.has_changed().is_ok() {
            let order = *orders.borrow_and_update();
            if order.wanted == Wanted::Consume {
                self.stay(&mut orders, &done).await;
            } else {
                // Between sessions nothing is consumed and nothing is held.
                done.send_replace(order.number);
                let _ = orders.changed().await;
            }
        }
    }

    /// One session, or one attempt to open one.
    async fn stay(&mut self, orders: &mut watch::Receiver<Order>, done: &watch::Sender<u64>) {
        let opened = tokio::select! {
            biased;
            () = not_wanted(orders) => return,
            opened = self.open() => opened,
        };
        match opened {
            Ok(session) => {
                let pause = self.serve(session, orders, done).await;
                wait(orders, pause).await;
            }
            Err(error) => {
                self.log.waits(&error);
                wait(orders, self.backoff.next()).await;
            }
        }
    }

    async fn open(&self) -> Result<Session, lapin::Error> {
        // A session that can finish nothing, or may not be read, would only cost its messages a return.
        while self.telemetry.blocked_for() > BLOCKED_AT_MOST || !self.budget.is_below_limit() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let connection = self.connector.connect(self.name).await?;
        if !self.window.is_isolated() {
            self.topology.mend(&connection).await;
        }
        Session::open(connection, self.intake).await
    }

    /// Returns the wait before the next session.
    async fn serve(
        &mut self,
        mut session: Session,
        orders: &mut watch::Receiver<Order>,
        done: &watch::Sender<u64>,
    ) -> Duration {
        if self.window.is_isolated() {
            debug!(queue = self.intake.queue, "consuming with a prefetch of one");
        } else {
            self.log.connected();
        }
        self.backoff.succeeded();
        let messages = &self.messages;
        let budget = &self.budget;
        let telemetry = &*self.telemetry;
        let duty = Duty {
            window: &mut self.window,
            orders,
            done,
            messages,
            budget,
            telemetry,
        };
        let begun = Instant::now();
        let end = session.serve(duty).await;
        let received = session.has_received();
        match end {
            End::Closed | End::Blocked => session.close().await,
            End::Overrun | End::Failed(_) => session.abandon(),
        }
        self.telemetry.consumes(self.intake.queue, false);
        self.telemetry.holds(self.intake.queue, 0, 0);
        self.at_once = if received { 0 } else { self.at_once + 1 };
        self.short = if received && begun.elapsed() < SHORT {
            self.short + 1
        } else {
            0
        };
        self.after(end)
    }

    fn after(&mut self, end: End) -> Duration {
        let queue = self.intake.queue;
        match end {
            End::Closed => {
                self.short = 0;
                return Duration::ZERO;
            }
            End::Blocked => {
                warn!(
                    queue,
                    "the broker has blocked publishes for long (backpressure): consumption stops until it accepts them"
                );
                return Duration::ZERO;
            }
            End::Overrun => warn!(queue, "byte budget exceeded (backpressure): the prefetch is reduced"),
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
                    return AT_ONCE;
                }
                self.log.lost(error);
                if by_message {
                    warn!(
                        queue,
                        "a message may have ended the connection: consuming one message at a time until it is parked"
                    );
                    self.window.isolate();
                }
            }
        }
        self.backoff.next()
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

async fn wait(orders: &mut watch::Receiver<Order>, pause: Duration) {
    tokio::select! {
        () = not_wanted(orders) => {}
        () = tokio::time::sleep(pause) => {}
    }
}
