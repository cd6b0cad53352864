//! Connections that are silent, abandoned or lost.

use std::time::{Duration, Instant};

use broker::{BrokerUrl, Connector};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::link::{Held, Link};
use crate::{Broker, PATIENCE, job, publish_all, text};
use broker::topology;
use testkit::wait;

/// Less than any timeout in the crate.
const AT_ONCE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_given_up_while_it_opens_is_closed() {
    let broker = Broker::bare().await;
    // Accepts and stays silent: a frozen broker whose kernel still responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: BrokerUrl = format!("amqp://{}/%2f", silent.local_addr().unwrap()).parse().unwrap();
    let connector = Connector::new(url, "test");
    let (_, accepted) = tokio::join!(
        timeout(Duration::from_millis(300), broker.handle.topology.declare(&connector)),
        async { silent.accept().await.unwrap() }
    );
    let (mut stream, mut heard) = (accepted.0, Vec::new());
    let ended = timeout(AT_ONCE, stream.read_to_end(&mut heard)).await;
    assert!(ended.is_ok(), "the connection is still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_a_silent_broker_ends_with_its_owner() {
    let broker = Broker::declared().await;
    let link = Link::to(broker.vhost.url()).await;
    let stop = CancellationToken::new();
    let publisher = broker.at(&link.url).publisher(stop.clone());
    publisher.connected().await.unwrap();
    link.hold(Held::Everything);
    stop.cancel();
    wait::until(AT_ONCE, "the connection to be closed", async || link.open() == 0)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_falls_silent_is_noticed_within_half_a_minute() {
    let broker = Broker::declared().await;
    let link = Link::to(broker.vhost.url()).await;
    let publisher = broker.publisher_at(&link.url, 2 * PATIENCE);
    publisher.connected().await.unwrap();
    let opened = link.opened();
    link.hold(Held::Everything);
    let begun = Instant::now();
    let publishing = tokio::spawn(async move { publisher.publish(&job("late")).await });
    wait::until(PATIENCE, "another connection", async || link.opened() > opened)
        .await
        .unwrap();
    link.hold(Held::Nothing);
    timeout(PATIENCE, publishing).await.unwrap().unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(45), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirm_that_never_comes_ends_the_session_and_the_message_comes_as_a_repeat() {
    let broker = Broker::declared().await;
    let link = Link::to(broker.vhost.url()).await;
    let publisher = broker.publisher_at(&link.url, Duration::from_secs(2));
    publisher.connected().await.unwrap();
    link.hold(Held::Confirms);
    let opened = link.opened();
    let publishing = tokio::spawn(async move { publisher.publish(&job("unheard")).await });
    wait::until(PATIENCE, "another connection", async || link.opened() > opened)
        .await
        .unwrap();
    link.hold(Held::Nothing);
    timeout(PATIENCE, publishing).await.unwrap().unwrap().unwrap();
    let mut consumer = broker.consumer(topology::DELIVERIES, 10);
    let first = timeout(PATIENCE, consumer.next()).await.unwrap();
    assert_eq!((text(&first.body).as_str(), first.redelivered), ("unheard", false));
    let second = timeout(PATIENCE, consumer.next()).await.unwrap();
    assert_eq!((text(&second.body).as_str(), second.redelivered), ("unheard", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_connection_is_one_reconnect() {
    let broker = Broker::declared().await;
    let link = Link::to(broker.vhost.url()).await;
    let publisher = broker.publisher_at(&link.url, PATIENCE);
    publisher.connected().await.unwrap();
    for round in 1..=5 {
        let publishing = publish_all(&publisher, (0..2000).map(|n| job(&n.to_string())));
        let (published, ()) = tokio::join!(publishing, async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            link.cut();
        });
        assert!(published.iter().all(Result::is_ok));
        publisher.publish(&job("after")).await.unwrap();
        assert_eq!(link.opened(), 1 + round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_was_given_up_and_is_never_confirmed_holds_nobody_up() {
    let broker = Broker::declared().await;
    let link = Link::to(broker.vhost.url()).await;
    let publisher = broker.publisher_at(&link.url, Duration::from_secs(2));
    publisher.connected().await.unwrap();
    link.hold(Held::Confirms);
    let given_up = job("given up");
    assert!(
        timeout(Duration::from_millis(300), publisher.publish(&given_up))
            .await
            .is_err()
    );
    link.hold(Held::Nothing);
    timeout(PATIENCE, publisher.connected()).await.unwrap().unwrap();
    publisher.publish(&job("after")).await.unwrap();
}
