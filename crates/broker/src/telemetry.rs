//! What a process shows of its broker connections: metrics, and two conditions of its readiness.

use runtime::metrics::{Counter, Family, Gauge, Label};
use runtime::{Condition, Metrics, Readiness};

/// Which of the connections of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Consumer,
    Publisher,
    /// Asks for tests, or takes them. A process is ready without it: deliveries do not need it.
    Tests,
}

impl Label for Role {
    const NAME: &'static str = "role";

    fn all() -> &'static [Self] {
        &[Self::Consumer, Self::Publisher, Self::Tests]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Publisher => "publisher",
            Self::Tests => "tests",
        }
    }
}

/// How one publish ended. A publish that did not end in `Confirmed` is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublishResult {
    /// The broker has it.
    Confirmed,
    /// The broker refused it (a full queue).
    Nacked,
    /// The connection was lost before the broker answered.
    Lost,
}

impl Label for PublishResult {
    const NAME: &'static str = "result";

    fn all() -> &'static [Self] {
        &[Self::Confirmed, Self::Nacked, Self::Lost]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Nacked => "nacked",
            Self::Lost => "lost",
        }
    }
}

/// Shared by all connections of a process.
#[derive(Debug)]
pub struct Telemetry {
    connected: Family<Role, Gauge>,
    blocked: Gauge,
    publishes: Family<PublishResult, Counter>,
    redeliveries: Counter,
    consumer: Condition,
    publisher: Condition,
}

impl Telemetry {
    /// Declares the metrics and the conditions. Once per process.
    pub fn new(metrics: &Metrics, readiness: &Readiness) -> Self {
        Self {
            connected: metrics.gauges("webhook_amqp_connected", "Whether the broker connection is up (1) or not (0)."),
            blocked: metrics
                .gauge("webhook_amqp_blocked", "1 while the broker takes no publishes (memory or disk alarm)."),
            publishes: metrics.counters("webhook_amqp_publishes_total", "Publishes to the broker by how they ended."),
            redeliveries: metrics
                .counter("webhook_amqp_redeliveries_total", "Messages received that were delivered before."),
            consumer: readiness.condition("broker consumer"),
            publisher: readiness.condition("broker publisher"),
        }
    }

    pub(crate) fn connected(&self, role: Role, up: bool) {
        self.connected.with(role).set(f64::from(u8::from(up)));
        let condition = match role {
            Role::Consumer => &self.consumer,
            Role::Publisher => &self.publisher,
            Role::Tests => return,
        };
        if up { condition.ready() } else { condition.not_ready("not connected to the broker") }
    }

    pub(crate) fn blocked(&self, blocked: bool) {
        self.blocked.set(f64::from(u8::from(blocked)));
    }

    pub(crate) fn published(&self, result: PublishResult) {
        self.publishes.with(result).inc();
    }

    pub(crate) fn redelivered(&self) {
        self.redeliveries.inc();
    }
}
