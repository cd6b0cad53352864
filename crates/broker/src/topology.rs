//! The topology: exchanges, queues and bindings. Everything that decides whether a message can be lost is an argument
//! of its queue, not a policy: clearing a policy deletes messages that wait under it.

mod declare;
mod keeper;

use std::fmt;
use std::time::Duration;

use domain::{Lane, RetryPolicy};
use lapin::ExchangeKind;
use lapin::types::{AMQPValue, FieldTable};

pub use declare::DeclareError;
pub(crate) use declare::refusal;
pub(crate) use keeper::Keeper;

/// CRM services publish here; routing key = event type.
pub const EVENTS_EXCHANGE: &str = "crm.events";
/// fanout's intake.
pub const EVENTS: &str = "webhooks.events";
/// Events that can never be processed.
pub const EVENTS_REJECTED: &str = "webhooks.events.rejected";
/// Direct exchange of ours: each of our queues is bound under its own name, and the alternate exchange catches
/// unroutable messages. The default exchange would confirm and drop them.
pub const DELIVERY_EXCHANGE: &str = "webhooks.delivery";
/// Jobs for senders.
pub const DELIVERIES: &str = "webhooks.deliveries";
/// Jobs for senders of accounts that exceed their budget: jobs of other accounts do not wait behind them.
pub const DELIVERIES_BULK: &str = "webhooks.deliveries.bulk";
/// Rejected jobs.
pub const DELIVERIES_REJECTED: &str = "webhooks.deliveries.rejected";
/// Unroutable messages; must stay empty.
pub const UNROUTABLE: &str = "webhooks.unroutable";
/// Test delivery requests to senders.
pub const TESTS: &str = "webhooks.tests";
/// Notifications for the CRM.
pub const NOTIFICATIONS_EXCHANGE: &str = "crm.notifications";

/// Maximum returns of a message before the broker parks it. Explicit, because 4.x has a default and 3.10 has none.
pub const DELIVERY_LIMIT: u32 = 20;
/// TTL of a test delivery request; without a sender the requester reports a failure.
const TEST_TTL: Duration = Duration::from_secs(15);

/// The queue of a lane to the senders.
pub const fn delivery_queue(lane: Lane) -> &'static str {
    match lane {
        Lane::Normal => DELIVERIES,
        Lane::Bulk => DELIVERIES_BULK,
    }
}

/// The delay queue of a step of the policy's ladder, named after its delay.
pub fn retry_queue(policy: &RetryPolicy, step: usize) -> String {
    format!("webhooks.retry.{}", policy.step_name(step))
}

/// All objects, in this order: destinations before sources. A publisher that finds an exchange again a moment before
/// its bindings would get a confirm, and its message would be in [`UNROUTABLE`].
#[derive(Debug, Clone)]
pub struct Topology {
    objects: Vec<Object>,
}

#[derive(Debug, Clone)]
enum Object {
    Exchange {
        name: &'static str,
        kind: ExchangeKind,
        arguments: FieldTable,
    },
    Queue {
        name: String,
        arguments: FieldTable,
    },
    Binding {
        queue: String,
        exchange: &'static str,
        key: String,
    },
}

impl Object {
    fn is_binding(&self) -> bool {
        matches!(self, Self::Binding { .. })
    }
}

impl fmt::Display for Object {
    /// As the broker's own messages name them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange { name, .. } => write!(f, "exchange '{name}'"),
            Self::Queue { name, .. } => write!(f, "queue '{name}'"),
            Self::Binding { queue, exchange, key } => {
                write!(
                    f,
                    "binding of queue '{queue}' to exchange '{exchange}' with key '{key}'"
                )
            }
        }
    }
}

impl Topology {
    /// The topology, with a delay queue for each step of the policy's ladder.
    pub fn new(policy: &RetryPolicy) -> Self {
        let mut objects = vec![
            exchange(UNROUTABLE, ExchangeKind::Fanout, []),
            quorum_queue(UNROUTABLE, []),
            binding(UNROUTABLE, UNROUTABLE, ""),
            quorum_queue(EVENTS_REJECTED, []),
            quorum_queue(DELIVERIES_REJECTED, []),
            quorum_queue(DELIVERIES, parked_in(DELIVERIES_REJECTED)),
            quorum_queue(DELIVERIES_BULK, parked_in(DELIVERIES_REJECTED)),
        ];
        let ladder: Vec<String> = (0..policy.ladder().len())
            .map(|step| retry_queue(policy, step))
            .collect();
        objects.extend(ladder.iter().zip(policy.ladder()).map(|(name, delay)| {
            let arguments = [("x-message-ttl", milliseconds(*delay))]
                .into_iter()
                .chain(dead_lettered_to(DELIVERIES));
            quorum_queue(name, arguments)
        }));
        objects.push(exchange(
            DELIVERY_EXCHANGE,
            ExchangeKind::Direct,
            [("alternate-exchange", text(UNROUTABLE))],
        ));
        let by_name = [DELIVERIES, DELIVERIES_BULK, DELIVERIES_REJECTED, EVENTS_REJECTED].into_iter();
        let by_name = by_name.chain(ladder.iter().map(String::as_str));
        objects.extend(by_name.map(|queue| binding(queue, DELIVERY_EXCHANGE, queue)));
        objects.extend([
            quorum_queue(EVENTS, parked_in(EVENTS_REJECTED)),
            exchange(EVENTS_EXCHANGE, ExchangeKind::Topic, []),
            binding(EVENTS, EVENTS_EXCHANGE, "#"),
            exchange(NOTIFICATIONS_EXCHANGE, ExchangeKind::Topic, []),
        ]);
        Self { objects }
    }

    /// The queue of test delivery requests. Separate, so that nothing else waits for it.
    ///
    /// A quorum queue, which survives the loss of a node. An existing queue of another type is used as it is.
    pub(crate) fn of_tests() -> Self {
        let queue = quorum_queue(TESTS, [("x-message-ttl", milliseconds(TEST_TTL))]);
        Self {
            objects: vec![queue, binding(TESTS, DELIVERY_EXCHANGE, TESTS)],
        }
    }
}

fn exchange(
    name: &'static str,
    kind: ExchangeKind,
    arguments: impl IntoIterator<Item = (&'static str, AMQPValue)>,
) -> Object {
    Object::Exchange {
        name,
        kind,
        arguments: table(arguments),
    }
}

fn quorum_queue(name: &str, arguments: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> Object {
    let arguments = table([("x-queue-type", text("quorum"))].into_iter().chain(arguments));
    Object::Queue {
        name: name.to_owned(),
        arguments,
    }
}

fn binding(queue: &str, exchange: &'static str, key: &str) -> Object {
    Object::Binding {
        queue: queue.to_owned(),
        exchange,
        key: key.to_owned(),
    }
}

/// At-least-once dead-lettering needs `reject-publish`; without it the broker silently falls back to at-most-once,
/// which lost two thirds of 60,000 expiring messages when the broker was killed once. It goes through the default
/// exchange, which nobody can delete or unbind.
fn dead_lettered_to(queue: &'static str) -> [(&'static str, AMQPValue); 4] {
    [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(queue)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

fn parked_in(queue: &'static str) -> impl Iterator<Item = (&'static str, AMQPValue)> {
    [("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT.into()))]
        .into_iter()
        .chain(dead_lettered_to(queue))
}

fn table(arguments: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn milliseconds(duration: Duration) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(duration.as_millis()).expect("a delay is at most a day"))
}
