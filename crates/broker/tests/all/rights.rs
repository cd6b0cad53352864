//! Broker users without permission to declare.

use broker::{Connector, DeclareError, topology};
use tokio::time::timeout;

use crate::{Broker, PATIENCE, job, text};

#[tokio::test(flavor = "multi_thread")]
async fn what_others_declared_will_do() {
    let broker = Broker::declared().await;
    let user = broker.vhost.permit("^$", ".*", ".*").await.unwrap();
    let connector = Connector::new(user.parse().unwrap(), "test");
    broker.handle.topology.declare(&connector).await.unwrap();
    broker.publisher_at(&user, PATIENCE).publish(&job("x")).await.unwrap();
    let mut consumer = broker.consumer_at(&user, topology::DELIVERIES);
    assert_eq!(text(&timeout(PATIENCE, consumer.next()).await.unwrap().body), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_and_may_not_be_declared_is_named() {
    let broker = Broker::bare().await;
    let user = broker
        .vhost
        .permit("^webhooks\\.unroutable$", ".*", ".*")
        .await
        .unwrap();
    let connector = Connector::new(user.parse().unwrap(), "test");
    let error = broker.handle.topology.declare(&connector).await.unwrap_err();
    assert!(matches!(error, DeclareError::Forbidden { .. }), "{error:?}");
    let sentence = format!("{:#}", anyhow::Error::from(error));
    assert!(
        sentence.contains("queue 'webhooks.events.rejected'") && sentence.contains("ACCESS_REFUSED"),
        "{sentence}"
    );
}
