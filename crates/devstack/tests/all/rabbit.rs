//! A private RabbitMQ node under a test that kills it, and virtual hosts of a shared one.

use devstack::servers::{Alarm, PrivateRabbit};
use devstack::{shared_stack, wait};
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::DEADLINE;

const QUEUE: &str = "some.queue";

async fn open(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

async fn declare_quorum(channel: &Channel) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel
        .queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), arguments)
        .await
        .unwrap();
}

async fn publish(channel: &Channel, body: &[u8]) {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let sent = channel
        .basic_publish(
            "".into(),
            QUEUE.into(),
            BasicPublishOptions::default(),
            body,
            persistent,
        )
        .await;
    assert!(sent.unwrap().await.unwrap().is_ack());
}

#[tokio::test]
async fn confirmed_messages_and_the_address_survive_kill_nine() {
    let mut node = PrivateRabbit::temporary().await.unwrap();
    let vhost = node.create_vhost().await.unwrap();
    declare_quorum(&open(vhost.url()).await.1).await;
    // The queue itself would not survive being killed at once; see `kill_nine`.
    node.stop().await.unwrap();
    assert!(!node.instance().is_running());
    node.start_again().await.unwrap();
    let (_connection, channel) = open(vhost.url()).await;
    publish(&channel, b"kept").await;

    node.kill_nine().await.unwrap();
    assert!(!node.instance().is_running());
    assert!(vhost.ready(QUEUE).await.is_err());

    node.start_again().await.unwrap();
    let kept = async || vhost.ready(QUEUE).await.ok() == Some(Some(1));
    wait::until(DEADLINE, "the message", kept).await.unwrap();
    assert_eq!(vhost.drain(QUEUE, 10).await.unwrap(), [b"kept"]);
}

#[tokio::test]
async fn an_alarm_blocks_publishers_until_it_is_cleared() {
    let node = PrivateRabbit::temporary().await.unwrap();
    let (_connection, channel) = open(node.url()).await;
    declare_quorum(&channel).await;

    node.raise_alarm(Alarm::Memory).await.unwrap();
    let publishing = tokio::spawn(async move { publish(&channel, b"late").await });
    let (other, _) = open(node.url()).await;
    assert!(!publishing.is_finished());

    node.clear_alarm(Alarm::Memory).await.unwrap();
    tokio::time::timeout(DEADLINE, publishing).await.unwrap().unwrap();
    assert!(other.status().connected());
    node.close_all_connections().await.unwrap();
    wait::until(DEADLINE, "the connection to notice", async || {
        !other.status().connected()
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_vhost_counts_its_messages_and_consumers() {
    let vhost = shared_stack().await.create_vhost().await.unwrap();
    assert_eq!(vhost.ready(QUEUE).await.unwrap(), None);
    let (_connection, channel) = open(vhost.url()).await;
    declare_quorum(&channel).await;
    for body in [b"1", b"2", b"3"] {
        publish(&channel, body).await;
    }
    assert_eq!(vhost.ready(QUEUE).await.unwrap(), Some(3));
    assert_eq!(vhost.consumers(QUEUE).await.unwrap(), Some(0));

    let mut consumer = channel
        .basic_consume(
            QUEUE.into(),
            "test".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    for _ in 0..3 {
        consumer.next().await.unwrap().unwrap();
    }
    assert_eq!(vhost.consumers(QUEUE).await.unwrap(), Some(1));
    let counted = async || vhost.unacknowledged(QUEUE).await.unwrap() == Some(3);
    wait::until(DEADLINE, "the broker to count", counted).await.unwrap();
}

#[tokio::test]
async fn a_vhost_closes_its_connections_and_no_others() {
    let stack = shared_stack().await;
    let (closed, spared) = (stack.create_vhost().await.unwrap(), stack.create_vhost().await.unwrap());
    let ((first, _), (second, _)) = (open(closed.url()).await, open(closed.url()).await);
    let (other, _) = open(spared.url()).await;
    assert_eq!(closed.close_connections(2).await.unwrap(), 2);
    let gone = async || !first.status().connected() && !second.status().connected();
    wait::until(DEADLINE, "both connections to notice", gone).await.unwrap();
    assert!(other.status().connected());
    closed.delete().await.unwrap();
}
