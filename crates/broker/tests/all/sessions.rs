//! The consumers at the broker are those that the process knows, whatever was dropped, closed or refused before.

use std::time::Duration;

use broker::{Consumer, Incoming, Intake, Message, topology};
use futures_util::future::join_all;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use testkit::raw_amqp::RawPublisher;
use testkit::wait;
use tokio::time::timeout;

use crate::{Broker, PATIENCE, job, publish_all, text};

impl Broker {
    async fn publish_jobs(&self, count: usize) {
        let published = publish_all(&self.publisher(), (0..count).map(|n| job(&n.to_string()))).await;
        assert!(published.iter().all(Result::is_ok));
    }

    /// Publishes as a CRM does, with a header of so many bytes.
    async fn publish_with_header(&self, body: &[u8], header_bytes: usize) {
        let connection = lapin::Connection::connect(self.vhost.url(), Default::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        let mut headers = FieldTable::default();
        headers.insert("baggage".into(), AMQPValue::LongString("x".repeat(header_bytes).into()));
        let properties = BasicProperties::default().with_headers(headers);
        let options = BasicPublishOptions::default();
        channel.confirm_select(Default::default()).await.unwrap();
        let published = channel
            .basic_publish("crm.events".into(), "x".into(), options, body, properties)
            .await;
        assert!(published.unwrap().await.unwrap().is_ack());
        connection.close(200, "done".into()).await.unwrap();
    }

    async fn has_consumers(&self, queue: &str, consumers: u32) {
        let what = format!("{consumers} consumers of {queue}");
        let as_many = async || self.vhost.consumers(queue).await.unwrap() == Some(consumers);
        wait::until(PATIENCE, &what, as_many).await.unwrap();
    }

    async fn has_unacknowledged(&self, queue: &str, messages: u64) {
        let what = format!("{messages} unacknowledged in {queue}");
        let as_many = async || self.vhost.unacknowledged(queue).await.unwrap() == Some(messages);
        wait::until(PATIENCE, &what, as_many).await.unwrap();
    }
}

async fn take(consumer: &mut Consumer, count: usize) -> Vec<Incoming> {
    let mut taken = Vec::new();
    for n in 0..count {
        taken.push(
            timeout(PATIENCE, consumer.next())
                .await
                .unwrap_or_else(|_| panic!("only {n} messages")),
        );
    }
    taken
}

/// Consumes and acknowledges meanwhile: a consumer reconnects only while it is polled.
async fn acknowledge_until(consumer: &mut Consumer, condition: impl Future<Output = ()>) {
    let acknowledged = async {
        loop {
            consumer.next().await.acknowledgement.acknowledge();
        }
    };
    tokio::select! {
        () = condition => {}
        () = acknowledged => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_at_any_point_it_leaves_nothing_behind() {
    // Each part has a queue of its own: a message that is returned more than twenty times is parked.
    join_all([0..15, 15..30, 30..45, 45..60].map(dropped_at)).await;
}

async fn dropped_at(milliseconds: std::ops::Range<u64>) {
    let broker = Broker::declared().await;
    broker.publish_jobs(500).await;
    let mut consumer = broker.consumer(topology::DELIVERIES, 50);
    for round in milliseconds {
        // From before the first byte to well into consuming, and in the middle of closing.
        let _ = timeout(Duration::from_millis(round), consumer.next()).await;
        let _ = timeout(Duration::from_millis(round % 7), consumer.close()).await;
    }
    consumer.close().await;
    broker.has_consumers(topology::DELIVERIES, 0).await;
    broker.holds(topology::DELIVERIES, 500).await;

    // A message that was returned often is consumed alone.
    for _ in 0..200 {
        take(&mut consumer, 1).await.remove(0).acknowledgement.acknowledge();
    }
    let taken = take(&mut consumer, 50).await;
    broker.has_consumers(topology::DELIVERIES, 1).await;
    broker.has_unacknowledged(topology::DELIVERIES, 50).await;
    drop((consumer, taken));
    broker.has_consumers(topology::DELIVERIES, 0).await;
    broker.holds(topology::DELIVERIES, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_again_and_again_leave_one_consumer() {
    const CLOSED: usize = 4;
    let broker = Broker::declared().await;
    let mut consumer = broker.consumer(topology::DELIVERIES, 50);
    let publishing = async {
        // One more than what is taken before the last connection is closed.
        for round in 0..=CLOSED {
            broker.publish_jobs(100).await;
            if round < CLOSED {
                broker.vhost.close_connections(1).await.unwrap();
            }
        }
    };
    let mut publishing = std::pin::pin!(publishing);
    let mut held = Vec::new();
    loop {
        tokio::select! {
            () = &mut publishing => break,
            incoming = consumer.next() => held.push(incoming.acknowledgement),
        }
        // Some stay unacknowledged when their connection is closed.
        if held.len() == 20 {
            held.drain(..).for_each(broker::Acknowledgement::acknowledge);
        }
    }
    held.drain(..).for_each(broker::Acknowledgement::acknowledge);
    // Its last connection may have been closed just now.
    acknowledge_until(&mut consumer, async {
        broker.holds(topology::DELIVERIES, 0).await;
        broker.has_consumers(topology::DELIVERIES, 1).await;
        broker.has_unacknowledged(topology::DELIVERIES, 0).await;
    })
    .await;
    consumer.close().await;
    broker.has_consumers(topology::DELIVERIES, 0).await;
    broker.holds(topology::DELIVERIES, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_headers_are_read_like_others() {
    let broker = Broker::declared().await;
    for bytes in [10, 40_000, 100_000, 10] {
        broker.publish_with_header(b"e", bytes).await;
    }
    let mut consumer = broker.consumer(topology::EVENTS, 10);
    let taken = take(&mut consumer, 4).await;
    let lengths: Vec<_> = taken
        .iter()
        .map(|incoming| incoming.header("baggage").unwrap().len())
        .collect();
    assert_eq!(lengths, [10, 40_000, 100_000, 10]);
    assert!(taken.iter().all(|incoming| !incoming.redelivered));
    // And they can be forwarded unchanged.
    let aside = taken[1].forward_to(topology::DELIVERY_EXCHANGE, topology::EVENTS_REJECTED);
    timeout(PATIENCE, broker.publisher().publish(&aside))
        .await
        .unwrap()
        .unwrap();
    broker.holds(topology::EVENTS_REJECTED, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_cannot_be_read_is_parked_and_soon() {
    let broker = Broker::declared().await;
    let mut hostile = RawPublisher::connect(broker.vhost.url()).await.unwrap();
    for n in 0..100 {
        if n % 20 == 7 {
            hostile.publish("crm.events", "x", b"\xff\xfe", b"bad").await.unwrap();
        }
        broker
            .publisher()
            .publish(&Message::new("crm.events", "x", format!("good {n}")))
            .await
            .unwrap();
    }
    let mut consumer = broker.consumer(topology::EVENTS, 50);
    let mut good = std::collections::HashSet::new();
    let begun = std::time::Instant::now();
    while good.len() < 100 {
        let incoming = timeout(PATIENCE, consumer.next()).await.unwrap();
        good.insert(text(&incoming.body));
        incoming.acknowledgement.acknowledge();
    }
    println!("{:?}", begun.elapsed());
    broker.holds(topology::EVENTS_REJECTED, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_one_process_after_the_other_takes_no_neighbours_with_it() {
    let broker = Broker::declared().await;
    broker.publish_jobs(30).await;
    // Each dies with all its unacknowledged messages; the broker parks messages returned twenty times.
    for _ in 0..22 {
        let mut consumer = broker.consumer(topology::DELIVERIES, 30);
        let taken = take(&mut consumer, 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop((taken, consumer));
        broker.has_consumers(topology::DELIVERIES, 0).await;
    }
    let parked = broker.vhost.ready(topology::DELIVERIES_REJECTED).await.unwrap();
    assert!(parked <= Some(1), "{parked:?} of 30 were parked");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_bound_what_is_held_and_nothing_stops() {
    const MIB: usize = 1024 * 1024;
    const MESSAGES: usize = 200;
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    let published = join_all((0..MESSAGES).map(|_| {
        let publisher = publisher.clone();
        async move {
            publisher
                .publish(&Message::new("crm.events", "x", vec![7; MIB / 4]))
                .await
        }
    }));
    assert!(published.await.iter().all(Result::is_ok));
    let intake = Intake {
        queue: topology::EVENTS,
        messages: 200,
        bytes: 4 * MIB,
    };
    let mut consumer = broker.handle.consumer(intake);
    // Takes all it can and releases nothing: memory stays bounded.
    let mut held = Vec::new();
    while let Ok(incoming) = timeout(Duration::from_secs(2), consumer.next()).await {
        held.push(incoming);
    }
    let bytes: usize = held.iter().map(|incoming| incoming.body.len()).sum();
    assert!(bytes <= 16 * MIB, "{bytes} bytes are held");
    held.drain(..)
        .for_each(|incoming| incoming.acknowledgement.acknowledge());
    let mut rest = MESSAGES;
    while rest > 0 && broker.vhost.ready(topology::EVENTS).await.unwrap() != Some(0) {
        timeout(PATIENCE, consumer.next())
            .await
            .unwrap()
            .acknowledgement
            .acknowledge();
        rest -= 1;
    }
    consumer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producers_count_of_returns_is_not_believed() {
    let broker = Broker::declared().await;
    let connection = lapin::Connection::connect(broker.vhost.url(), Default::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut headers = FieldTable::default();
    headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(19));
    let properties = BasicProperties::default().with_headers(headers);
    for number in 0..20 {
        let (options, body) = (BasicPublishOptions::default(), format!("{number}"));
        let published = channel.basic_publish(
            "crm.events".into(),
            "x".into(),
            options,
            body.as_bytes(),
            properties.clone(),
        );
        published.await.unwrap().await.unwrap();
    }
    let mut consumer = broker.consumer(topology::EVENTS, 10);
    // Taken one by one, the second would come only when the first is acknowledged.
    let taken = take(&mut consumer, 10).await;
    assert!(taken.iter().all(|incoming| incoming.returns == 0));
}

/// The prefetch is adjusted while large messages are on their way: the broker's reply comes behind them.
#[tokio::test(flavor = "multi_thread")]
async fn small_messages_and_then_many_large_ones_keep_the_connection() {
    const SMALL: usize = 200;
    const LARGE: usize = 150;
    let broker = Broker::declared().await;
    broker.publish_jobs(SMALL).await;
    let large = Message::new(topology::DELIVERY_EXCHANGE, topology::DELIVERIES, "x".repeat(200_000));
    let published = publish_all(&broker.publisher(), std::iter::repeat_n(large, LARGE)).await;
    assert!(published.iter().all(Result::is_ok));
    let intake = Intake {
        queue: topology::DELIVERIES,
        messages: 1024,
        bytes: 16 * 1024 * 1024,
    };
    let mut consumer = broker.handle.consumer(intake);
    let emptied = async {
        for _ in 0..SMALL + LARGE {
            consumer.next().await.acknowledgement.acknowledge();
        }
    };
    // A reply that does not come costs ten seconds and the connection.
    timeout(Duration::from_secs(8), emptied)
        .await
        .expect("all is consumed in time");
    consumer.close().await;
    broker.holds(topology::DELIVERIES, 0).await;
}
