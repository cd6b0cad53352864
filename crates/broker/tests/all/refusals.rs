//! Refused messages, and their effect on others.

use std::collections::HashMap;
use std::time::Duration;

use broker::{Message, PublishError, RefusalCode, topology};
use futures_util::future::join;
use lapin::types::FieldTable;
use testkit::wait;
use tokio::time::timeout;

use crate::{Broker, PATIENCE, job, publish_all, text};

/// Time that the broker may need to clean up.
const SOON: Duration = Duration::from_secs(5);

fn notification(number: usize) -> Message {
    Message::new(
        topology::NOTIFICATIONS_EXCHANGE,
        "webhook.auto_paused",
        number.to_string(),
    )
}

fn code(published: &Result<(), PublishError>) -> Option<RefusalCode> {
    match published {
        Err(PublishError::Refused(refusal)) => Some(refusal.code),
        _ => None,
    }
}

impl Broker {
    async fn delete_exchange(&self, name: &str) {
        let (_connection, channel) = self.plain().await;
        channel.exchange_delete(name.into(), Default::default()).await.unwrap();
    }

    /// How often each body is in the queue.
    async fn copies(&self, queue: &str) -> HashMap<String, usize> {
        let mut copies = HashMap::new();
        for body in self.vhost.drain(queue, 100_000).await.unwrap() {
            *copies.entry(text(&body)).or_default() += 1;
        }
        copies
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_exchange_is_declared_again_and_disturbs_no_other() {
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    publisher.connected().await.unwrap();
    broker.delete_exchange(topology::NOTIFICATIONS_EXCHANGE).await;
    let jobs = publish_all(&publisher, (0..1000).map(|n| job(&n.to_string())));
    let notifications = timeout(SOON, publish_all(&publisher, (0..10).map(notification)));
    let (jobs, notifications) = join(jobs, notifications).await;
    assert!(jobs.iter().all(Result::is_ok));
    assert!(notifications.unwrap().iter().all(Result::is_ok));
    let copies = broker.copies(topology::DELIVERIES).await;
    assert_eq!(
        (copies.len(), copies.values().sum::<usize>()),
        (1000, 1000),
        "nothing was repeated"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_exchange_comes_back_with_its_bindings() {
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    publisher.connected().await.unwrap();
    broker.delete_exchange(topology::DELIVERY_EXCHANGE).await;
    let published = timeout(SOON, publish_all(&publisher, (0..500).map(|n| job(&n.to_string()))))
        .await
        .unwrap();
    assert!(published.iter().all(Result::is_ok));
    let copies = broker.copies(topology::DELIVERIES).await;
    assert_eq!((copies.len(), copies.values().sum::<usize>()), (500, 500));
    broker.holds(topology::UNROUTABLE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_broker_does_not_take_is_refused_alone() {
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    publisher.connected().await.unwrap();
    let nowhere = Message::new("no.such.exchange", "key", "x");
    let invalid = job("invalid").header("CC", "not a list");
    let good = publish_all(&publisher, (0..1000).map(|n| job(&n.to_string())));
    let bad = publish_all(&publisher, [nowhere, invalid]);
    let (good, bad) = timeout(PATIENCE, join(good, bad)).await.unwrap();
    assert!(good.iter().all(Result::is_ok));
    assert_eq!(
        bad.iter().map(code).collect::<Vec<_>>(),
        [Some(RefusalCode::NotFound), Some(RefusalCode::PreconditionFailed)]
    );
    let copies = broker.copies(topology::DELIVERIES).await;
    assert_eq!(copies.len(), 1000);
    // Those on the channel that the broker closed, at most once more.
    assert!(copies.values().all(|copies| *copies <= 2), "{copies:?}");
    assert_eq!(copies.get("invalid"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_is_asked_for_now_and_then_and_found_again() {
    let broker = Broker::declared().await;
    let user = broker.vhost.permit("^$", "^webhooks\\.delivery$", ".*").await.unwrap();
    let publisher = broker.publisher_at(&user, PATIENCE);
    publisher.publish(&job("allowed")).await.unwrap();
    for number in 0..100 {
        assert_eq!(
            code(&publisher.publish(&notification(number)).await),
            Some(RefusalCode::AccessRefused)
        );
    }
    publisher.publish(&job("still allowed")).await.unwrap();
    broker
        .vhost
        .permit("^$", "^(webhooks\\.delivery|crm\\.notifications)$", ".*")
        .await
        .unwrap();
    let granted = async || publisher.publish(&notification(0)).await.is_ok();
    wait::until(PATIENCE, "the notification to be taken", granted)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_deleted_comes_back_within_a_minute() {
    let broker = Broker::declared().await;
    let publisher = broker.publisher();
    publisher.connected().await.unwrap();
    let (_connection, channel) = broker.plain().await;
    channel
        .queue_delete("webhooks.retry.1s".into(), Default::default())
        .await
        .unwrap();
    let unbinding = channel.queue_unbind(
        topology::DELIVERIES.into(),
        topology::DELIVERY_EXCHANGE.into(),
        topology::DELIVERIES.into(),
        FieldTable::default(),
    );
    unbinding.await.unwrap();
    broker.holds("webhooks.retry.1s", 0).await;
    let routed = async || {
        publisher.publish(&job("x")).await.unwrap();
        broker.vhost.ready(topology::DELIVERIES).await.unwrap() > Some(0)
    };
    wait::until(PATIENCE, "the binding", routed).await.unwrap();
}
