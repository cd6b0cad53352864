//! A private RabbitMQ cluster under a test that takes a node away.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use testkit::servers::PrivateCluster;

const QUEUE: &str = "some.queue";

/// Declares a quorum queue, where it is missing, and publishes one message to it.
async fn publish(url: &str) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), arguments).await.unwrap();
    let (options, persistent) = (BasicPublishOptions::default(), BasicProperties::default().with_delivery_mode(2));
    let sent = channel.basic_publish("".into(), QUEUE.into(), options, b"kept", persistent).await;
    assert!(sent.unwrap().await.unwrap().is_ack());
}

#[tokio::test]
async fn a_queue_of_three_nodes_outlasts_any_of_them() {
    let mut cluster = PrivateCluster::temporary(3).await.unwrap();
    let vhost = cluster.create_vhost().await.unwrap();
    publish(vhost.url()).await;
    cluster.wait_whole().await.unwrap();
    assert_eq!(cluster.fewest_members().await.unwrap(), 3);

    let leader = cluster.leader(&vhost, QUEUE).await.unwrap().unwrap();
    cluster.node(leader).drain().await.unwrap();
    assert_ne!(cluster.leader(&vhost, QUEUE).await.unwrap(), Some(leader));
    cluster.node(leader).kill_nine().await.unwrap();
    publish(&vhost.urls()[(leader + 1) % 3]).await;
    assert_eq!(vhost.ready(QUEUE).await.unwrap(), Some(2));

    cluster.node(leader).start_again().await.unwrap();
    cluster.wait_whole().await.unwrap();
    assert_eq!(vhost.drain(QUEUE, 10).await.unwrap(), [b"kept", b"kept"]);
}
