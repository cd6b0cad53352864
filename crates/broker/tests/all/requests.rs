//! RPC over direct reply-to.

use std::time::{Duration, Instant};

use broker::{Consumer, Message, NoReply, Requester, topology};
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection};
use testkit::wait;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{Broker, PATIENCE, text};

impl Broker {
    fn requester(&self) -> Requester {
        self.handle.requester(CancellationToken::new())
    }

    fn answerer(&self) -> Consumer {
        self.consumer(topology::TESTS, 10)
    }

    /// A plain connection; it must be kept as long as its channel.
    pub(crate) async fn plain(&self) -> (Connection, Channel) {
        let connection = Connection::connect(self.vhost.url(), Default::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }
}

fn question(text: &str) -> Message {
    Message::new(topology::DELIVERY_EXCHANGE, topology::TESTS, text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_find_their_askers_in_any_order() {
    let broker = Broker::declared().await;
    let (requester, publisher, mut answerer) = (broker.requester(), broker.publisher(), broker.answerer());
    let answering = Box::pin(async {
        let (first, second) = (answerer.next().await, answerer.next().await);
        for incoming in [second, first] {
            let answer = format!("{} indeed", text(&incoming.body));
            publisher.publish(&incoming.answer(answer).unwrap()).await.unwrap();
            incoming.acknowledgement.acknowledge();
        }
    });
    let asking = join_all(["one", "two"].map(|what| requester.ask(question(what), PATIENCE)));
    let (answers, ()) = timeout(PATIENCE, async { tokio::join!(asking, answering) })
        .await
        .unwrap();
    let answers: Vec<_> = answers.into_iter().map(|answer| text(&answer.unwrap())).collect();
    assert_eq!(answers, ["one indeed", "two indeed"]);
    answerer.close().await;
    broker.holds(topology::TESTS, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_nobody_takes_in_time_is_gone() {
    let broker = Broker::declared().await;
    let requester = broker.requester();
    let begun = Instant::now();
    assert_eq!(
        requester.ask(question("anybody?"), Duration::from_secs(1)).await,
        Err(NoReply::TimedOut)
    );
    assert!(begun.elapsed() >= Duration::from_secs(1));
    broker.holds(topology::TESTS, 0).await;
    broker.holds(topology::UNROUTABLE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_nobody_elses() {
    let broker = Broker::declared().await;
    let (requester, publisher, mut answerer) = (broker.requester(), broker.publisher(), broker.answerer());
    let (late, given_up) = (CancellationToken::new(), CancellationToken::new());
    let asking = async {
        // The first caller gives up as soon as its request is consumed.
        tokio::select! {
            _ = requester.ask(question("late"), PATIENCE) => panic!("nobody answered"),
            () = late.cancelled() => given_up.cancel(),
        }
        requester.ask(question("again"), PATIENCE).await
    };
    let answering = async {
        let first = answerer.next().await;
        late.cancel();
        given_up.cancelled().await;
        publisher.publish(&first.answer("too late").unwrap()).await.unwrap();
        let second = answerer.next().await;
        publisher.publish(&second.answer("in time").unwrap()).await.unwrap();
    };
    let (answer, ()) = timeout(PATIENCE, async { tokio::join!(asking, answering) })
        .await
        .unwrap();
    assert_eq!(text(&answer.unwrap()), "in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_ends_the_wait_and_the_next_question_works() {
    let broker = Broker::declared().await;
    let (requester, publisher, mut answerer) = (broker.requester(), broker.publisher(), broker.answerer());
    let begun = Instant::now();
    let losing = async {
        let incoming = answerer.next().await;
        // Of the requester, the publisher and the consumer.
        broker.vhost.close_connections(3).await.unwrap();
        drop(incoming);
    };
    let (asked, ()) = tokio::join!(requester.ask(question("lost"), 2 * PATIENCE), losing);
    assert_eq!(asked, Err(NoReply::NotConnected));
    assert!(
        begun.elapsed() < PATIENCE,
        "it did not wait for an answer that cannot come"
    );

    let answering = async {
        loop {
            let incoming = answerer.next().await;
            let is_new = text(&incoming.body) == "new";
            publisher.publish(&incoming.answer("welcome").unwrap()).await.unwrap();
            incoming.acknowledgement.acknowledge();
            if is_new {
                return;
            }
        }
    };
    let (answer, ()) = timeout(PATIENCE, async {
        tokio::join!(ask_until_connected(&requester, "new"), answering)
    })
    .await
    .unwrap();
    assert_eq!(answer, "welcome");
}

/// The first request after a loss may meet the remains of the lost connection.
async fn ask_until_connected(requester: &Requester, what: &str) -> String {
    wait::until_some(PATIENCE, "an answer", async || {
        match requester.ask(question(what), PATIENCE).await {
            Err(NoReply::NotConnected) => None,
            answered => Some(text(&answered.unwrap())),
        }
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_question_does_not_end_the_asking() {
    let broker = Broker::declared().await;
    let (requester, publisher, mut answerer) = (broker.requester(), broker.publisher(), broker.answerer());
    let nowhere = Message::new("no.such.exchange", "nowhere", "x");
    assert_eq!(requester.ask(nowhere, PATIENCE).await, Err(NoReply::NotConnected));
    let answering = async {
        let incoming = answerer.next().await;
        publisher
            .publish(&incoming.answer("still here").unwrap())
            .await
            .unwrap();
    };
    let (answer, ()) = tokio::join!(ask_until_connected(&requester, "there?"), answering);
    assert_eq!(answer, "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_said_soon() {
    let broker = Broker::declared().await;
    let away = broker.at("amqp://127.0.0.1:1/%2f");
    let requester = away.requester(CancellationToken::new());
    let asked = timeout(PATIENCE, requester.ask(question("anybody?"), 10 * PATIENCE))
        .await
        .unwrap();
    assert_eq!(asked, Err(NoReply::NotConnected));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_to_askers_only_and_not_into_queues() {
    let broker = Broker::declared().await;
    let (_connection, channel) = broker.plain().await;
    let own = QueueDeclareOptions {
        exclusive: true,
        ..Default::default()
    };
    let private = channel
        .queue_declare("".into(), own, FieldTable::default())
        .await
        .unwrap();
    let (mut answerer, _declares_the_queue) = (broker.answerer(), broker.requester());
    broker.holds(topology::TESTS, 0).await;
    for reply_to in [topology::EVENTS, private.name().as_str(), "amq.rabbitmq.reply-tox"] {
        let properties = BasicProperties::default()
            .with_reply_to(reply_to.into())
            .with_correlation_id("1".into());
        let options = BasicPublishOptions::default();
        channel
            .basic_publish("".into(), topology::TESTS.into(), options, b"?", properties)
            .await
            .unwrap();
        let incoming = timeout(PATIENCE, answerer.next()).await.unwrap();
        assert!(incoming.answer("!").is_none(), "{reply_to}");
        incoming.acknowledgement.acknowledge();
    }
    broker
        .publisher()
        .publish(&question("no address at all"))
        .await
        .unwrap();
    assert!(timeout(PATIENCE, answerer.next()).await.unwrap().answer("!").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_does_not_wait_for_tests() {
    let broker = Broker::declared().await;
    let requester = broker.requester();
    let mut answerer = broker.answerer();
    tokio::select! {
        _ = requester.ask(question("?"), PATIENCE) => panic!("nobody answered"),
        _ = answerer.next() => {}
    }
    let unmet: Vec<_> = broker.readiness.unmet().iter().map(|unmet| unmet.condition).collect();
    assert_eq!(unmet, ["broker consumer", "broker publisher"]);
}
