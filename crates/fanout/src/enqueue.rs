//! Fan-out: publishes one delivery job per matched webhook and awaits the broker's confirms.

use std::time::Duration;

use broker::{Message, Publish, PublishError, topology};
use bytes::Bytes;
use domain::{AccountName, DeliveryHead, DeliveryId, Lane, Trigger, WebhookId, is_kept_subject};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use wire::event_body::event_body;
use wire::{CrmEvent, DeliveryJob};

use crate::job_budget::JobBudget;

/// Maximum jobs of one event in flight, as far as the byte budget has room. Messages are built only then, so an event
/// that matches 100,000 webhooks does not exist 100,000 times.
const JOBS_IN_FLIGHT: usize = 64;

/// An event ready for the fan-out: the payload is built once, and all its deliveries share the bytes.
pub struct AcceptedEvent {
    account: AccountName,
    id: String,
    event_type: String,
    subject: Option<String>,
    accepted_at: Timestamp,
    payload: Bytes,
    traceparent: Option<String>,
    /// The broker redelivered the event: its jobs may have been published before.
    repeat: bool,
    /// The matched webhooks, each with the delivery's id.
    deliveries: Vec<(WebhookId, DeliveryId)>,
    /// Of all its jobs.
    lane: Lane,
}

impl AcceptedEvent {
    /// Copies the needed parts of `event`. `accepted_at` is cut to microseconds, PostgreSQL's precision.
    pub fn new(
        event: &CrmEvent<'_>,
        accepted_at: Timestamp,
        traceparent: Option<String>,
        repeat: bool,
        deliveries: Vec<(WebhookId, DeliveryId)>,
        lane: Lane,
    ) -> Self {
        let accepted_at = Timestamp::from_microsecond(accepted_at.as_microsecond()).unwrap_or(accepted_at);
        Self {
            account: event.account.clone(),
            id: event.id.clone().into_owned(),
            event_type: event.event_type.clone().into_owned(),
            subject: event
                .subject
                .as_deref()
                .filter(|subject| is_kept_subject(subject))
                .map(str::to_owned),
            accepted_at,
            payload: event_body(event, accepted_at),
            traceparent,
            repeat,
            deliveries,
            lane,
        }
    }

    /// Its deliveries' ids.
    pub fn delivery_ids(&self) -> impl Iterator<Item = DeliveryId> {
        self.deliveries.iter().map(|(_, delivery)| *delivery)
    }

    /// The job of one of its deliveries.
    pub fn job(&self, (webhook, id): (WebhookId, DeliveryId)) -> DeliveryJob {
        DeliveryJob {
            delivery: DeliveryHead {
                id,
                webhook,
                account: self.account.clone(),
                event_id: self.id.clone(),
                event_type: self.event_type.clone(),
                subject: self.subject.clone(),
                accepted_at: self.accepted_at,
                payload: self.payload.clone(),
                traceparent: self.traceparent.clone(),
            },
            attempt: 1,
            step: 0,
            trigger: Trigger::Event,
            repeat: self.repeat,
            deferred_for: Duration::ZERO,
        }
    }
}

/// Publishes a job for every webhook and returns once the broker has confirmed them all.
///
/// # Errors
/// When the process stops first; the event is then redelivered, and its jobs are marked as possible duplicates. Or when
/// the broker refuses a job of this event for good.
pub async fn enqueue(publisher: &impl Publish, budget: &JobBudget, event: &AcceptedEvent) -> Result<(), PublishError> {
    let publish = |delivery| {
        let job = event.job(delivery);
        async move {
            let _room = budget.room_for(job.delivery.payload.len()).await;
            publisher.publish_for_certain(&message(&job, event.lane)).await
        }
    };
    if let [delivery] = event.deliveries[..] {
        return publish(delivery).await;
    }
    stream::iter(event.deliveries.iter().copied())
        .map(publish)
        .buffer_unordered(JOBS_IN_FLIGHT)
        .try_collect()
        .await
}

/// The message for a job that is due now, for this lane.
pub fn message(job: &DeliveryJob, lane: Lane) -> Message {
    Message::new(
        topology::DELIVERY_EXCHANGE,
        topology::delivery_queue(lane),
        job.encode(),
    )
    .content_type(wire::DELIVERY_JOB)
    .message_id(&job.delivery.id.to_string())
}
