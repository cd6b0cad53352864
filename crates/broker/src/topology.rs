//! Exchanges, queues and bindings. Everything that decides whether a message can be lost is an argument of its queue,
//! not a policy: clearing a policy deletes messages that wait under it.

use std::time::Duration;

use domain::RetryPolicy;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use tracing::warn;

use crate::backoff::Backoff;
use crate::connection::Connector;

/// Where CRM services publish; routing key = event type.
pub const EVENTS_EXCHANGE: &str = "crm.events";
/// fanout's intake.
pub const EVENTS: &str = "webhooks.events";
/// Events that can never be processed.
pub const EVENTS_REJECTED: &str = "webhooks.events.rejected";
/// Direct exchange of ours: every queue of ours is bound under its own name, and the alternate exchange behind it
/// catches what no queue takes. The default exchange would confirm such a message and drop it.
pub const DELIVERY_EXCHANGE: &str = "webhooks.delivery";
/// Jobs for senders.
pub const DELIVERIES: &str = "webhooks.deliveries";
/// Jobs that cannot be decoded.
pub const DELIVERIES_REJECTED: &str = "webhooks.deliveries.rejected";
/// What no queue took; must stay empty.
pub const UNROUTABLE: &str = "webhooks.unroutable";
/// Test requests to senders.
pub const TESTS: &str = "webhooks.tests";
/// Notifications for the CRM.
pub const NOTIFICATIONS_EXCHANGE: &str = "crm.notifications";

/// Times a message may come back before the broker parks it. Explicit, because 4.x has a default and 3.10 has none.
const DELIVERY_LIMIT: i64 = 20;
/// A test request that no sender took by then is answered as failed by the asker.
const TEST_TTL: Duration = Duration::from_secs(15);

/// The delay queue of a step of the policy's ladder, named after its delay.
pub fn retry_queue(policy: &RetryPolicy, step: usize) -> String {
    format!("webhooks.retry.{}", policy.step_name(step))
}

/// Everything to be declared, targets before what points at them.
#[derive(Debug, Clone)]
pub struct Topology {
    exchanges: Vec<Exchange>,
    queues: Vec<Queue>,
}

#[derive(Debug, Clone)]
struct Exchange {
    name: &'static str,
    kind: ExchangeKind,
    arguments: FieldTable,
}

#[derive(Debug, Clone)]
struct Queue {
    name: String,
    arguments: FieldTable,
    bindings: Vec<(&'static str, String)>,
}

/// Why the topology does not stand.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// An object of this name exists with other arguments; a person has to decide.
    #[error("the broker has {object} with another {argument}; delete or rename it, or restore the setting ({server})")]
    Differs {
        /// `queue 'name'` or `exchange 'name'`.
        object: String,
        /// The argument that differs.
        argument: String,
        /// The broker's own words.
        server: String,
    },
    /// The broker cannot be reached or refused otherwise.
    #[error("cannot declare the queues")]
    Broker(#[from] lapin::Error),
}

impl Topology {
    /// The topology, with a delay queue for each step of the policy's ladder.
    pub fn new(policy: &RetryPolicy) -> Self {
        let exchange = |name, kind| Exchange { name, kind, arguments: FieldTable::default() };
        let exchanges = vec![
            exchange(EVENTS_EXCHANGE, ExchangeKind::Topic),
            exchange(NOTIFICATIONS_EXCHANGE, ExchangeKind::Topic),
            exchange(UNROUTABLE, ExchangeKind::Fanout),
            Exchange {
                name: DELIVERY_EXCHANGE,
                kind: ExchangeKind::Direct,
                arguments: table([("alternate-exchange", text(UNROUTABLE))]),
            },
        ];
        let mut queues = vec![
            Queue::quorum(UNROUTABLE, []).bound_to(UNROUTABLE, ""),
            Queue::quorum(EVENTS_REJECTED, []).bound_by_name(),
            Queue::quorum(DELIVERIES_REJECTED, []).bound_by_name(),
            Queue::quorum(EVENTS, parked_in(EVENTS_REJECTED)).bound_to(EVENTS_EXCHANGE, "#"),
            Queue::quorum(DELIVERIES, parked_in(DELIVERIES_REJECTED)).bound_by_name(),
            Queue {
                name: TESTS.into(),
                arguments: table([("x-message-ttl", milliseconds(TEST_TTL))]),
                bindings: vec![(DELIVERY_EXCHANGE, TESTS.into())],
            },
        ];
        queues.extend(policy.ladder().iter().enumerate().map(|(step, delay)| {
            let arguments = [("x-message-ttl", milliseconds(*delay))].into_iter().chain(dead_lettered_to(DELIVERIES));
            Queue::quorum(&retry_queue(policy, step), arguments).bound_by_name()
        }));
        Self { exchanges, queues }
    }

    /// Declares everything, on a connection of its own. Safe to repeat, and from many processes at once.
    ///
    /// # Errors
    /// [`DeclareError::Differs`] when something of the name exists with other arguments.
    pub async fn declare(&self, connector: &Connector) -> Result<(), DeclareError> {
        let connection = connector.connect("topology").await?;
        let channel = connection.create_channel().await?;
        let declared = self.declare_on(&channel).await;
        // The answer is what counts; a channel that a refusal closed, or a connection that fails now, is gone anyway.
        let _ = channel.close(200, "done".into()).await;
        let _ = connection.close(200, "done".into()).await;
        declared.map_err(explain)
    }

    /// Waits for a broker that is away, and declares.
    ///
    /// # Errors
    /// Only [`DeclareError::Differs`]: waiting would not help.
    pub async fn declare_when_reachable(&self, connector: &Connector) -> Result<(), DeclareError> {
        let mut backoff = Backoff::default();
        loop {
            match self.declare(connector).await {
                Err(DeclareError::Broker(error)) => {
                    if backoff.is_fresh() {
                        warn!(broker = %connector.url(), %error, "waiting for the broker");
                    }
                    tokio::time::sleep(backoff.next()).await;
                }
                decided => return decided,
            }
        }
    }

    async fn declare_on(&self, channel: &Channel) -> Result<(), lapin::Error> {
        for exchange in &self.exchanges {
            let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
            let Exchange { name, kind, arguments } = exchange.clone();
            channel.exchange_declare(name.into(), kind, options, arguments).await?;
        }
        for queue in &self.queues {
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            let name = || queue.name.as_str().into();
            channel.queue_declare(name(), options, queue.arguments.clone()).await?;
            for (exchange, key) in &queue.bindings {
                let (exchange, key) = ((*exchange).into(), key.as_str().into());
                let options = QueueBindOptions::default();
                channel.queue_bind(name(), exchange, key, options, FieldTable::default()).await?;
            }
        }
        Ok(())
    }
}

impl Queue {
    fn quorum(name: &str, arguments: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> Self {
        let arguments = table([("x-queue-type", text("quorum"))].into_iter().chain(arguments));
        Self { name: name.into(), arguments, bindings: Vec::new() }
    }

    fn bound_to(mut self, exchange: &'static str, key: &str) -> Self {
        self.bindings.push((exchange, key.into()));
        self
    }

    fn bound_by_name(self) -> Self {
        let name = self.name.clone();
        self.bound_to(DELIVERY_EXCHANGE, &name)
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
    [("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT))].into_iter().chain(dead_lettered_to(queue))
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

/// RabbitMQ says `inequivalent arg 'x' for queue 'y' in vhost '/': …`; the names are what a person needs.
fn explain(error: lapin::Error) -> DeclareError {
    let lapin::ErrorKind::ProtocolError(protocol) = error.kind() else { return error.into() };
    let server = protocol.get_message().to_string();
    let Some((argument, rest)) = server.split_once("inequivalent arg '").and_then(|(_, rest)| rest.split_once('\''))
    else {
        return error.into();
    };
    let object = rest.trim_start_matches(" for ").split(" in vhost").next().unwrap_or(rest).to_owned();
    DeclareError::Differs { object, argument: format!("`{argument}`"), server: server.clone() }
}
