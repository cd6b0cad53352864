//! Metrics and readiness conditions of a process's broker connections.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtime::metrics::{Counter, EnumLabel, Family, Gauge, Label};
use runtime::{Condition, Metrics, Readiness};
use strum::{IntoStaticStr, VariantArray};

use crate::publisher::RefusalCode;
use crate::topology;

/// The roles of a process's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Role {
    Consumer,
    Publisher,
    /// RPC of test deliveries, on either side. A process is ready without it: deliveries do not need it.
    Tests,
}

impl EnumLabel for Role {
    const NAME: &'static str = "role";
}

/// The consumed queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Queue(&'static str);

impl Label for Queue {
    const NAME: &'static str = "queue";

    fn all() -> impl Iterator<Item = Self> {
        let queues = [
            topology::EVENTS,
            topology::DELIVERIES,
            topology::DELIVERIES_BULK,
            topology::TESTS,
        ];
        queues.into_iter().map(Self)
    }

    fn value(self) -> &'static str {
        self.0
    }
}

/// The result of one publish. A nacked or lost one is published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum PublishResult {
    /// The broker stored it.
    Confirmed,
    /// The queue is full.
    Nacked,
    /// The connection or the channel was lost before the confirm.
    Lost,
    /// The broker refused the message itself.
    Refused,
}

impl EnumLabel for PublishResult {
    const NAME: &'static str = "result";
}

impl EnumLabel for RefusalCode {
    const NAME: &'static str = "code";
}

/// Shared by all connections of a process.
#[derive(Debug)]
pub struct Telemetry {
    connected: Family<Role, Gauge>,
    /// By queue, whether its consumer is connected.
    consuming: Mutex<BTreeMap<&'static str, bool>>,
    blocked: Gauge,
    blocked_since: Mutex<Option<Instant>>,
    publishes: Family<PublishResult, Counter>,
    refusals: Family<RefusalCode, Counter>,
    declared_again: Counter,
    redeliveries: Counter,
    consumers: Family<Queue, Gauge>,
    unacknowledged: Family<Queue, Gauge>,
    consumer: Condition,
    publisher: Condition,
}

impl Telemetry {
    /// Declares the metrics and the conditions. Once per process.
    pub fn new(metrics: &Metrics, readiness: &Readiness) -> Self {
        Self {
            connected: metrics.gauges(
                "webhook_amqp_connected",
                "Whether the broker connection of this role is up (1) or not (0).",
            ),
            consuming: Mutex::default(),
            blocked: metrics.gauge(
                "webhook_amqp_blocked",
                "1 while the broker blocks publishes (memory or disk alarm).",
            ),
            blocked_since: Mutex::new(None),
            publishes: metrics.counters(
                "webhook_amqp_publishes_total",
                "Publishes to the broker, by result; nacked and lost ones are published again.",
            ),
            refusals: metrics.counters(
                "webhook_amqp_refused_total",
                "Messages that the broker refused, by reply code.",
            ),
            declared_again: metrics.counter(
                "webhook_amqp_declared_again_total",
                "Exchanges and queues that were missing and were declared again.",
            ),
            redeliveries: metrics.counter("webhook_amqp_redeliveries_total", "Redelivered messages received."),
            consumers: metrics.gauges(
                "webhook_amqp_consumers",
                "Consumers of this process, by queue; the sum over all processes equals the broker's count.",
            ),
            unacknowledged: metrics.gauges(
                "webhook_amqp_unacknowledged_messages",
                "Unacknowledged messages that this process holds (prefetch window), by queue.",
            ),
            consumer: readiness.condition("broker consumer"),
            publisher: readiness.condition("broker publisher"),
        }
    }

    pub(crate) fn connected(&self, role: Role, up: bool) {
        self.connected.with(role).set(f64::from(u8::from(up)));
        if role == Role::Publisher && !up {
            // The next connection learns anew whether it is blocked.
            self.blocked(false);
        }
        let condition = match role {
            Role::Consumer => &self.consumer,
            Role::Publisher => &self.publisher,
            Role::Tests => return,
        };
        if up {
            condition.ready()
        } else {
            condition.not_ready("not connected to the broker")
        }
    }

    /// The consumer of a queue is connected, or is not (yet). As consumer the process is connected when those of all its
    /// queues are.
    pub(crate) fn consumes(&self, queue: &'static str, up: bool) {
        if queue == topology::TESTS {
            return self.connected(Role::Tests, up);
        }
        let mut consuming = self.consuming.lock().unwrap_or_else(PoisonError::into_inner);
        consuming.insert(queue, up);
        self.connected(Role::Consumer, consuming.values().all(|up| *up));
    }

    pub(crate) fn blocked(&self, blocked: bool) {
        self.blocked.set(f64::from(u8::from(blocked)));
        let mut since = self.blocked_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if blocked {
            since.or_else(|| Some(Instant::now()))
        } else {
            None
        };
    }

    /// How long the broker has blocked publishes.
    pub(crate) fn blocked_for(&self) -> Duration {
        let since = *self.blocked_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn published(&self, result: PublishResult) {
        self.publishes.with(result).inc();
    }

    pub(crate) fn refused(&self, code: RefusalCode) {
        self.published(PublishResult::Refused);
        self.refusals.with(code).inc();
    }

    pub(crate) fn declared_again(&self) {
        self.declared_again.inc();
    }

    /// Consumers and unacknowledged messages of the process at a queue.
    pub(crate) fn holds(&self, queue: &'static str, consumers: usize, unacknowledged: usize) {
        self.consumers.with(Queue(queue)).set(consumers as f64);
        self.unacknowledged.with(Queue(queue)).set(unacknowledged as f64);
    }

    pub(crate) fn redelivered(&self) {
        self.redeliveries.inc();
    }
}
