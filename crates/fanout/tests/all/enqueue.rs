//! The jobs of an event.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Message, Publish, PublishError};
use domain::{DeliveryId, Lane, Trigger, WebhookId};
use fanout::enqueue::{AcceptedEvent, enqueue};
use fanout::job_budget::JobBudget;
use jiff::Timestamp;
use wire::{CrmEvent, DeliveryJob};

/// Confirms each message after a second, until it is closed.
#[derive(Default)]
struct SlowBroker {
    published: Mutex<Vec<(String, DeliveryJob)>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    closes_after: Option<usize>,
}

impl Publish for SlowBroker {
    async fn publish_for_certain(&self, message: &Message) -> Result<(), PublishError> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let mut published = self.published.lock().unwrap();
        if self.closes_after.is_some_and(|most| published.len() >= most) {
            return Err(PublishError::Closed);
        }
        let job = DeliveryJob::decode(message.body().clone()).unwrap();
        published.push((message.routing_key().to_owned(), job));
        Ok(())
    }
}

fn crm_event(data: &str) -> CrmEvent<'static> {
    CrmEvent {
        id: "1".into(),
        source: "/crm".into(),
        event_type: "deal.won".into(),
        time: None,
        subject: Some("deals/9001".into()),
        account: "acme".parse().unwrap(),
        traceparent: None,
        actor: None,
        data: data.to_owned().into(),
    }
}

fn event(webhooks: usize, data: &str, lane: Lane) -> AcceptedEvent {
    let event = crm_event(data);
    let deliveries = (0..webhooks).map(|_| {
        let webhook = WebhookId::generate();
        (
            webhook,
            DeliveryId::derive(&event.account, &event.source, &event.id, webhook),
        )
    });
    let deliveries = deliveries.collect();
    AcceptedEvent::new(&event, Timestamp::UNIX_EPOCH, None, true, deliveries, lane)
}

#[tokio::test(start_paused = true)]
async fn each_webhook_gets_a_job_with_the_same_payload() {
    let broker = SlowBroker::default();
    let budget = JobBudget::new(64 * 1024 * 1024);
    enqueue(&broker, &budget, &event(3, "{}", Lane::Bulk)).await.unwrap();
    let published = broker.published.into_inner().unwrap();
    assert_eq!(published.len(), 3);
    for (queue, job) in &published {
        assert_eq!(queue, "webhooks.deliveries.bulk");
        assert_eq!(
            (job.attempt, job.step, job.trigger, job.repeat),
            (1, 0, Trigger::Event, true)
        );
        assert_eq!(job.delivery.payload, published[0].1.delivery.payload);
        assert_eq!(job.delivery.subject.as_deref(), Some("deals/9001"));
    }
}

#[test]
fn a_long_subject_reaches_receivers_and_is_not_kept() {
    let long = "x".repeat(256);
    let event = CrmEvent {
        subject: Some(long.as_str().into()),
        ..crm_event("{}")
    };
    let webhook = WebhookId::generate();
    let delivery = DeliveryId::derive(&event.account, &event.source, &event.id, webhook);
    let accepted = AcceptedEvent::new(
        &event,
        Timestamp::UNIX_EPOCH,
        None,
        false,
        vec![(webhook, delivery)],
        Lane::Normal,
    );
    let job = accepted.job((webhook, delivery));
    assert_eq!(job.delivery.subject, None);
    assert!(
        String::from_utf8(job.delivery.payload.to_vec())
            .unwrap()
            .contains(&long)
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_is_acknowledged_only_when_all_its_jobs_are_confirmed() {
    let broker = SlowBroker {
        closes_after: Some(2),
        ..SlowBroker::default()
    };
    let budget = JobBudget::new(64 * 1024 * 1024);
    assert_eq!(
        enqueue(&broker, &budget, &event(3, "{}", Lane::Normal)).await,
        Err(PublishError::Closed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_event_for_many_webhooks_is_copied_only_as_often_as_the_budget_allows() {
    let broker = SlowBroker::default();
    let budget = JobBudget::new(1024 * 1024);
    let data = format!("{:?}", "x".repeat(100_000));
    enqueue(&broker, &budget, &event(200, &data, Lane::Normal))
        .await
        .unwrap();
    assert_eq!(broker.published.lock().unwrap().len(), 200);
    assert_eq!(broker.most_in_flight.into_inner(), 5);
}
