//! The event loop: consume an event, decide what it is, publish its jobs, acknowledge it.
//!
//! Events are decided in order and acknowledged in the same order, each after its jobs are confirmed; hundreds are in
//! flight in between. A duplicate of an event in flight therefore waits behind it, so it can be recognised by its id
//! alone and still nothing is acknowledged before its jobs are durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use broker::{Acknowledgement, Consumer, HeaderText, Incoming, Intake, Message, PublishError, Publisher, topology};
use domain::EventType;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use runtime::TraceContext;
use runtime::metrics::EventTypeLabel;
use store::Clock;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use wire::cloud_event::{self, EventMessage, Header};
use wire::{CrmEvent, Rejection, RejectionReason};

use crate::enqueue::{AcceptedEvent, enqueue};
use crate::event_counts::EventCounts;
use crate::job_budget::JobBudget;
use crate::lanes::Lanes;
use crate::match_event::{Match, match_event};
use crate::metrics::{EventResult, FanoutMetrics, ReasonLabel};
use crate::recent_deliveries::RecentDeliveries;
use crate::reject_event::rejected;
use crate::subscriptions::Subscriptions;

/// Prefetch of events. A message that breaks the connection also affects this many others (see `broker`'s window).
pub const INTAKE: Intake = Intake {
    queue: topology::EVENTS,
    messages: 256,
    bytes: 32 * 1024 * 1024,
};

/// The parts of the event loop.
pub struct EventLoop {
    /// Publishes jobs.
    pub publisher: Publisher,
    /// The subscription index.
    pub subscriptions: Subscriptions,
    /// Maximum size of a body, in bytes.
    pub max_bytes: usize,
    pub metrics: Arc<FanoutMetrics>,
    /// Recently published deliveries, for deduplication.
    pub recent: Arc<Mutex<RecentDeliveries>>,
    /// Byte budget of jobs in flight to the broker.
    pub budget: JobBudget,
    /// Token buckets of the accounts: one account's flood does not delay the jobs of others.
    pub lanes: Lanes,
    /// Counts of what the CRM publishes.
    pub event_counts: EventCounts,
    /// Clock of acceptance: the log is partitioned by day, and all processes must agree on it.
    pub clock: Clock,
}

/// An event in flight, up to its acknowledgement.
type UnderWay = BoxFuture<'static, Result<Acknowledgement, PublishError>>;

/// The message that rejects the event.
fn reject(incoming: &Incoming, rejection: &Rejection, metrics: &FanoutMetrics) -> Message {
    warn!(
        reason = %rejection.reason,
        detail = rejection.detail,
        "event rejected"
    );
    metrics.rejected.with(ReasonLabel(rejection.reason)).inc();
    rejected(incoming, rejection)
}

/// The decision about an event.
enum Decision {
    /// Nothing to do: a duplicate, an unknown type, or no webhook gets it.
    Acknowledge,
    /// It can never be processed.
    Reject(Box<Message>),
    /// It matched.
    Enqueue(AcceptedEvent),
}

impl EventLoop {
    /// Runs until `stop`, then finishes the events in flight.
    pub async fn run(mut self, mut consumer: Consumer, stop: CancellationToken) {
        let mut under_way: FuturesOrdered<UnderWay> = FuturesOrdered::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = under_way.next(), if !under_way.is_empty() => acknowledge(done),
                incoming = consumer.next(), if under_way.len() < usize::from(INTAKE.messages) => {
                    let begun = self.begin(incoming);
                    under_way.push_back(begun);
                }
            }
        }
        consumer.cancel().await;
        while let Some(done) = under_way.next().await {
            acknowledge(done);
        }
        consumer.close().await;
    }

    /// Decides at once, in the order of arrival; slow work continues in the returned future.
    fn begin(&mut self, incoming: Incoming) -> UnderWay {
        let received = Instant::now();
        let decision = self.decide(&incoming);
        let publisher = self.publisher.clone();
        let budget = self.budget.clone();
        let metrics = Arc::clone(&self.metrics);
        let recent = Arc::clone(&self.recent);
        async move {
            match decision {
                Decision::Acknowledge => {}
                Decision::Reject(message) => publisher.publish_for_certain(&message).await?,
                Decision::Enqueue(event) => match enqueue(&publisher, &budget, &event).await {
                    Ok(()) => metrics.processing.observe(received.elapsed().as_secs_f64()),
                    Err(PublishError::Refused(refusal)) => {
                        // When the event is published again, its deliveries are no duplicates.
                        lock(&recent).forget(event.delivery_ids());
                        let refused = Rejection::new(RejectionReason::TooLarge, format!("as a job: {refusal}"));
                        let message = reject(&incoming, &refused, &metrics);
                        publisher.publish_for_certain(&message).await?;
                    }
                    Err(closed) => return Err(closed),
                },
            }
            Ok(incoming.acknowledgement)
        }
        .boxed()
    }

    fn decide(&mut self, incoming: &Incoming) -> Decision {
        match self.decode(incoming) {
            Ok(event) => self.decide_decoded(&event, incoming),
            Err(rejection) => {
                self.count(None, EventResult::Invalid);
                Decision::Reject(Box::new(reject(incoming, &rejection, &self.metrics)))
            }
        }
    }

    fn decode<'a>(&self, incoming: &'a Incoming) -> Result<CrmEvent<'a>, Rejection> {
        let message = EventMessage {
            content_type: incoming.content_type(),
            content_encoding: incoming.content_encoding(),
            header: &|name| incoming.header_as_text(name).map(header),
            body: &incoming.body,
        };
        cloud_event::decode_within(self.max_bytes, &message)
    }

    fn decide_decoded(&mut self, event: &CrmEvent<'_>, incoming: &Incoming) -> Decision {
        let Some(event_type) = EventType::parse(&event.event_type) else {
            self.count(None, EventResult::UnknownType);
            self.event_counts.add_unknown(event, self.clock.now());
            return Decision::Acknowledge;
        };
        let selection = self.subscriptions.select(event, event_type);
        self.metrics.skipped_by_conditions.inc_by(selection.skipped as u64);
        self.metrics
            .deliveries_per_event
            .observe(selection.webhooks.len() as f64);
        let matched = match_event(event, &selection.webhooks, &mut lock(&self.recent));
        let deliveries = match matched {
            Match::NoSubscriber => {
                self.count(Some(event_type), EventResult::NoSubscriber);
                self.event_counts.add_known(event, event_type, false, self.clock.now());
                return Decision::Acknowledge;
            }
            Match::Duplicate => {
                self.count(Some(event_type), EventResult::Duplicate);
                return Decision::Acknowledge;
            }
            Match::Deliveries(deliveries) => deliveries,
        };
        let accepted_at = self.clock.now();
        self.count(Some(event_type), EventResult::Accepted);
        self.event_counts.add_known(event, event_type, true, accepted_at);
        let trace = trace_of(event, incoming);
        debug!(trace_id = %trace.trace_id(), event_type = event_type.name(), webhooks = deliveries.len(), "event matched");
        let traceparent = Some(trace.to_string());
        let lane = self.lanes.lane(&event.account, deliveries.len());
        self.metrics.enqueued.with(lane).inc_by(deliveries.len() as u64);
        let repeat = incoming.redelivered;
        let accepted = AcceptedEvent::new(event, accepted_at, traceparent, repeat, deliveries, lane);
        Decision::Enqueue(accepted)
    }

    fn count(&self, event_type: Option<EventType>, result: EventResult) {
        self.metrics.events.with((EventTypeLabel(event_type), result)).inc();
    }
}

fn header(text: HeaderText<'_>) -> Header<'_> {
    match text {
        HeaderText::Text(text) => Header::Text(text),
        HeaderText::Unreadable => Header::Unreadable,
    }
}

fn lock(recent: &Mutex<RecentDeliveries>) -> MutexGuard<'_, RecentDeliveries> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

fn acknowledge(done: Result<Acknowledgement, PublishError>) {
    // A publisher closes only when the process stops; the event is then redelivered to another.
    if let Ok(acknowledgement) = done {
        acknowledgement.acknowledge();
    }
}

/// Continues the CRM's trace; without one, a new trace links this event's log lines.
fn trace_of(event: &CrmEvent<'_>, incoming: &Incoming) -> TraceContext {
    let given = incoming.header("traceparent").or(event.traceparent.as_deref());
    given
        .and_then(|text| text.parse::<TraceContext>().ok())
        .map_or_else(TraceContext::generate, |trace| trace.child())
}
