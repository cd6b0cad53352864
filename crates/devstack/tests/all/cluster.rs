//! A private RabbitMQ cluster under a test that takes a node away.

use std::time::Duration;

use devstack::servers::PrivateCluster;
use devstack::wait;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tokio::time::timeout;

const QUEUE: &str = "some.queue";
const TRY: Duration = Duration::from_secs(10);
/// Other tests start servers meanwhile.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(120);

/// Declares a quorum queue, where it is missing, and publishes a message to it; true when the broker confirms it.
async fn try_publish(url: &str) -> Result<bool, lapin::Error> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel
        .queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), arguments)
        .await?;
    let options = BasicPublishOptions::default();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let sent = channel
        .basic_publish("".into(), QUEUE.into(), options, b"kept", persistent)
        .await?;
    Ok(sent.await?.is_ack())
}

/// Publishes until a message is confirmed: while its leader is being elected, a queue refuses messages or says nothing.
async fn publish(url: &str) {
    let confirmed = async || matches!(timeout(TRY, try_publish(url)).await, Ok(Ok(true)));
    wait::until(CONFIRMED_WITHIN, "a confirm", confirmed).await.unwrap();
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
    let moved = async || matches!(cluster.leader(&vhost, QUEUE).await, Ok(Some(other)) if other != leader);
    wait::until(CONFIRMED_WITHIN, "another leader", moved).await.unwrap();
    cluster.node(leader).kill_nine().await.unwrap();
    publish(&vhost.urls()[(leader + 1) % 3]).await;

    cluster.node(leader).start_again().await.unwrap();
    cluster.wait_whole().await.unwrap();
    // What was refused may be there all the same.
    let messages = vhost.drain(QUEUE, 1000).await.unwrap();
    assert!(
        messages.len() >= 2 && messages.iter().all(|message| message == b"kept"),
        "{messages:?}"
    );
}
