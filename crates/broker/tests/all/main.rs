//! Against a real RabbitMQ, a virtual host per test.
#![allow(clippy::unwrap_used)]

mod connections;
mod link;
mod refusals;
mod requests;
mod rights;
mod sessions;

use std::collections::HashSet;
use std::time::Duration;

use broker::{
    Broker as Handle, BrokerUrl, Connector, Consumer, DeclareError, Intake, Message, PublishError, Publisher,
    Telemetry, Topology, topology,
};
use domain::RetryPolicy;
use futures_util::future::join_all;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use runtime::{Metrics, Readiness};
use testkit::servers::Vhost;
use testkit::stack::shared_stack;
use testkit::wait;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(40);

struct Broker {
    vhost: Vhost,
    handle: Handle,
    readiness: Readiness,
}

impl Broker {
    /// A declared topology with a retry ladder of one second.
    async fn declared() -> Self {
        let broker = Self::bare().await;
        broker.declare_once().await;
        broker
    }

    async fn bare() -> Self {
        let vhost = shared_stack().await.create_vhost().await.unwrap();
        let url: BrokerUrl = vhost.url().parse().unwrap();
        let policy = RetryPolicy::new(vec![Duration::from_secs(1), Duration::from_secs(2)], false).unwrap();
        let readiness = Readiness::new();
        Self {
            handle: Handle::new(
                Connector::new(url, "test"),
                Topology::new(&policy),
                Telemetry::new(&Metrics::new(), &readiness),
            ),
            readiness,
            vhost,
        }
    }

    async fn declare_once(&self) {
        self.handle.topology.declare(&self.handle.connector).await.unwrap();
    }

    /// The handle of a process that reaches the broker at this address.
    fn at(&self, url: &str) -> Handle {
        Handle {
            connector: Connector::new(url.parse().unwrap(), "test"),
            ..self.handle.clone()
        }
    }

    fn publisher(&self) -> Publisher {
        self.handle.publisher(CancellationToken::new())
    }

    /// A publisher that reaches the broker at this address, with this confirm timeout.
    fn publisher_at(&self, url: &str, confirmed_within: Duration) -> Publisher {
        let handle = Handle {
            confirmed_within,
            ..self.at(url)
        };
        handle.publisher(CancellationToken::new())
    }

    /// A consumer that reaches the broker at this address.
    fn consumer_at(&self, url: &str, queue: &'static str) -> Consumer {
        self.at(url).consumer(intake(queue, 10))
    }

    fn consumer(&self, queue: &'static str, prefetch: u16) -> Consumer {
        self.handle.consumer(intake(queue, prefetch))
    }

    async fn holds(&self, queue: &str, messages: u32) {
        let what = format!("{messages} messages ready in {queue}");
        wait::until(PATIENCE, &what, async || {
            self.vhost.ready(queue).await.unwrap() == Some(messages)
        })
        .await
        .unwrap();
    }
}

fn intake(queue: &'static str, messages: u16) -> Intake {
    Intake {
        queue,
        messages,
        bytes: 64 * 1024 * 1024,
    }
}

fn job(text: &str) -> Message {
    Message::new(topology::DELIVERY_EXCHANGE, topology::DELIVERIES, text.to_owned()).message_id(text)
}

/// All at once.
async fn publish_all(
    publisher: &Publisher,
    messages: impl IntoIterator<Item = Message>,
) -> Vec<Result<(), PublishError>> {
    join_all(
        messages
            .into_iter()
            .map(|message| async move { publisher.publish(&message).await }),
    )
    .await
}

fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_named_with_the_argument() {
    let broker = Broker::bare().await;
    let connection = lapin::Connection::connect(broker.vhost.url(), Default::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut arguments = FieldTable::default();
    for (name, value) in [
        ("x-queue-type", "quorum"),
        ("x-dead-letter-exchange", ""),
        ("x-dead-letter-routing-key", "webhooks.deliveries"),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-overflow", "reject-publish"),
    ] {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(5));
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare("webhooks.retry.1s".into(), durable, arguments)
        .await
        .unwrap();

    let error = broker.handle.declare().await.unwrap_err();
    assert!(matches!(&error, DeclareError::Differs { .. }), "{error}");
    let sentence = error.to_string();
    assert!(
        sentence.contains("queue 'webhooks.retry.1s'") && sentence.contains("`x-message-ttl`"),
        "{sentence}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn declaring_twice_changes_nothing() {
    let broker = Broker::declared().await;
    broker.declare_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_queue_takes_is_kept_aside() {
    let broker = Broker::declared().await;
    broker
        .publisher()
        .publish(&Message::new(topology::DELIVERY_EXCHANGE, "nowhere", "x"))
        .await
        .unwrap();
    broker.holds(topology::UNROUTABLE, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ladder_returns_a_message_to_the_senders() {
    let broker = Broker::declared().await;
    let wait_a_second = Message::new(topology::DELIVERY_EXCHANGE, "webhooks.retry.1s", "later").message_id("later");
    let begun = std::time::Instant::now();
    broker.publisher().publish(&wait_a_second).await.unwrap();
    let incoming = timeout(PATIENCE, broker.consumer(topology::DELIVERIES, 10).next())
        .await
        .unwrap();
    assert_eq!(text(&incoming.body), "later");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let again = incoming.forward_to(topology::DELIVERY_EXCHANGE, topology::DELIVERIES_REJECTED);
    assert!(
        !format!("{again:?}").contains("x-death"),
        "the broker's headers stay behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_publish_is_confirmed_through_lost_connections() {
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    publisher.connected().await.unwrap();
    let publishing = join_all((0..3000).map(|n| {
        let publisher = publisher.clone();
        async move { publisher.publish(&job(&n.to_string())).await }
    }));
    let (published, closed) = tokio::join!(publishing, broker.vhost.close_connections(1));
    assert!(closed.unwrap() >= 1);
    assert!(published.iter().all(Result::is_ok));
    let bodies = broker.vhost.drain(topology::DELIVERIES, 10_000).await.unwrap();
    let distinct: HashSet<_> = bodies.iter().map(|body| text(body)).collect();
    assert_eq!(distinct.len(), 3000, "{} in all", bodies.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn unacknowledged_messages_come_again_after_a_lost_connection() {
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    for n in 0..3 {
        publisher.publish(&job(&n.to_string())).await.unwrap();
    }
    let mut consumer = broker.consumer(topology::DELIVERIES, 10);
    let mut first = Vec::new();
    for _ in 0..3 {
        first.push(timeout(PATIENCE, consumer.next()).await.unwrap());
    }
    assert!(first.iter().all(|incoming| !incoming.redelivered));
    first.remove(1).acknowledgement.acknowledge();
    wait::until(PATIENCE, "one acknowledged", async || {
        broker.vhost.unacknowledged(topology::DELIVERIES).await.unwrap() == Some(2)
    })
    .await
    .unwrap();
    broker.vhost.close_connections(2).await.unwrap();
    let mut again = Vec::new();
    for _ in 0..2 {
        let incoming = timeout(PATIENCE, consumer.next()).await.unwrap();
        assert!(incoming.redelivered);
        again.push(text(&incoming.body));
        incoming.acknowledgement.acknowledge();
    }
    again.sort();
    assert_eq!(again, ["0", "2"]);
    // Acknowledgements of the lost session are ignored, and do not disturb the new one.
    first
        .into_iter()
        .for_each(|incoming| incoming.acknowledgement.acknowledge());
    publisher.publish(&job("3")).await.unwrap();
    let incoming = timeout(PATIENCE, consumer.next()).await.unwrap();
    assert_eq!((text(&incoming.body).as_str(), incoming.redelivered), ("3", false));
    incoming.acknowledgement.acknowledge();
    consumer.close().await;
    broker.holds(topology::DELIVERIES, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_declared_again() {
    let broker = Broker::declared().await;
    let mut consumer = broker.consumer(topology::DELIVERIES, 10);
    let publisher = broker.publisher();
    publisher.publish(&job("before")).await.unwrap();
    timeout(PATIENCE, consumer.next())
        .await
        .unwrap()
        .acknowledgement
        .acknowledge();

    let connection = lapin::Connection::connect(broker.vhost.url(), Default::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_delete(topology::DELIVERIES.into(), Default::default())
        .await
        .unwrap();

    let next = tokio::spawn(async move {
        timeout(PATIENCE, consumer.next())
            .await
            .map(|incoming| text(&incoming.body))
    });
    wait::until(PATIENCE, "the queue is back with its consumer", async || {
        broker.vhost.consumers(topology::DELIVERIES).await.unwrap_or_default() == Some(1)
    })
    .await
    .unwrap();
    publisher.publish(&job("after")).await.unwrap();
    assert_eq!(next.await.unwrap().unwrap(), "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_connections() {
    let broker = Broker::declared().await;
    assert_eq!(broker.readiness.unmet().len(), 2);
    let publisher = broker.publisher();
    publisher.connected().await.unwrap();
    let mut consumer = broker.consumer(topology::DELIVERIES, 10);
    publisher.publish(&job("x")).await.unwrap();
    timeout(PATIENCE, consumer.next())
        .await
        .unwrap()
        .acknowledgement
        .acknowledge();
    assert!(broker.readiness.is_ready());
    consumer.close().await;
    assert_eq!(broker.readiness.unmet().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_acknowledged_in_any_order_leave_the_queue_empty() {
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    join_all((0..2000).map(|n| {
        let publisher = publisher.clone();
        async move { publisher.publish(&job(&n.to_string())).await }
    }))
    .await;
    let mut consumer = broker.consumer(topology::DELIVERIES, 100);
    let mut held = Vec::new();
    for n in 0..2000 {
        held.push(timeout(PATIENCE, consumer.next()).await.unwrap().acknowledgement);
        // Never the oldest first, and in bursts.
        if held.len() == 60 || n == 1999 {
            held.drain(..).rev().for_each(broker::Acknowledgement::acknowledge);
        }
    }
    consumer.close().await;
    broker.holds(topology::DELIVERIES, 0).await;
}
