//! From an event and the webhooks it matched to delivery jobs the broker has confirmed.

use broker::{Message, Publisher, PublisherClosed, topology};
use bytes::Bytes;
use domain::{AccountName, DeliveryId, Trigger, WebhookId};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use wire::event_body::event_body;
use wire::{CrmEvent, DeliveryJob};

/// Jobs of one event under way at once. Messages are built only then, so an event that matches 100,000 webhooks does
/// not exist 100,000 times.
const JOBS_IN_FLIGHT: usize = 64;

/// An event ready to be enqueued: the body is built once, and all its deliveries share the bytes.
pub struct AcceptedEvent {
    account: AccountName,
    source: String,
    id: String,
    event_type: String,
    accepted_at: Timestamp,
    payload: Bytes,
    traceparent: Option<String>,
    /// The broker delivered the event before: its jobs may be out already.
    repeat: bool,
    webhooks: Vec<WebhookId>,
}

impl AcceptedEvent {
    /// Takes what is needed of `event`. `accepted_at` is cut to microseconds, which is what Postgres keeps.
    pub fn new(
        event: &CrmEvent<'_>,
        accepted_at: Timestamp,
        traceparent: Option<String>,
        repeat: bool,
        webhooks: &[WebhookId],
    ) -> Self {
        let accepted_at = Timestamp::from_microsecond(accepted_at.as_microsecond()).unwrap_or(accepted_at);
        Self {
            account: event.account.clone(),
            source: event.source.clone().into_owned(),
            id: event.id.clone().into_owned(),
            event_type: event.event_type.clone().into_owned(),
            accepted_at,
            payload: event_body(event, accepted_at),
            traceparent,
            repeat,
            webhooks: webhooks.to_vec(),
        }
    }

    fn job(&self, webhook: WebhookId) -> DeliveryJob {
        DeliveryJob {
            delivery: DeliveryId::derive(&self.account, &self.source, &self.id, webhook),
            webhook,
            account: self.account.clone(),
            event_id: self.id.clone(),
            event_type: self.event_type.clone(),
            accepted_at: self.accepted_at,
            attempt: 1,
            step: 0,
            trigger: Trigger::Event,
            repeat: self.repeat,
            payload: self.payload.clone(),
            traceparent: self.traceparent.clone(),
        }
    }
}

/// Publishes a job for every webhook and returns once the broker has confirmed them all.
///
/// # Errors
/// When the process stops first; the event is then delivered again, and its jobs are marked as repeats.
pub async fn enqueue(publisher: &Publisher, event: AcceptedEvent) -> Result<(), PublisherClosed> {
    let publish = |webhook: WebhookId| {
        let job = event.job(webhook);
        async move { publisher.publish(&message(&job)).await }
    };
    if let [webhook] = event.webhooks[..] {
        return publish(webhook).await;
    }
    stream::iter(event.webhooks.iter().copied()).map(publish).buffer_unordered(JOBS_IN_FLIGHT).try_collect().await
}

/// The message that asks a sender for the job, now.
pub fn message(job: &DeliveryJob) -> Message {
    Message::new(topology::DELIVERY_EXCHANGE, topology::DELIVERIES, job.encode())
        .content_type(wire::DELIVERY_JOB)
        .message_id(&job.delivery.to_string())
}
