//! The event loop: take an event, decide what it is, enqueue its jobs, acknowledge it.
//!
//! Events are decided one after the other and acknowledged in the same order, each after its jobs are confirmed; in
//! between hundreds are under way. A repeat of an event that is still under way therefore waits behind it, so it can
//! be recognised by its identity alone and still nothing is acknowledged before its jobs are durable.

use std::sync::Arc;
use std::time::Instant;

use broker::{Acknowledgement, Consumer, Incoming, Message, Publisher, PublisherClosed};
use domain::EventType;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use jiff::Timestamp;
use runtime::TraceContext;
use runtime::metrics::EventTypeLabel;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use wire::cloud_event;
use wire::{CrmEvent, Rejection, RejectionReason};

use crate::enqueue::{AcceptedEvent, enqueue};
use crate::metrics::{EventResult, FanoutMetrics, ReasonLabel};
use crate::recent_events::RecentEvents;
use crate::reject_event::rejected;
use crate::subscriptions::Subscriptions;

/// Events taken and not yet acknowledged. Also how many innocent events stand beside one that breaks the connection.
pub const PREFETCH: u16 = 256;

/// The parts the loop works with.
pub struct EventLoop {
    /// Where jobs go.
    pub publisher: Publisher,
    /// What events are matched against.
    pub subscriptions: Subscriptions,
    /// Largest body taken, in bytes.
    pub max_bytes: usize,
    /// What is told to Prometheus.
    pub metrics: Arc<FanoutMetrics>,
    /// What was seen of late.
    pub recent: RecentEvents,
}

/// An event's way to its acknowledgement.
type UnderWay = BoxFuture<'static, Result<Acknowledgement, PublisherClosed>>;

/// What an event calls for.
enum Decision {
    /// Nothing: it is a repeat, of no known type, or nobody listens.
    Acknowledge,
    /// It can never be processed.
    Reject(Message),
    /// It matched.
    Enqueue(AcceptedEvent),
}

impl EventLoop {
    /// Runs until `stop`, then finishes what is under way.
    pub async fn run(mut self, mut consumer: Consumer, stop: CancellationToken) {
        let mut under_way: FuturesOrdered<UnderWay> = FuturesOrdered::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = under_way.next(), if !under_way.is_empty() => acknowledge(done),
                incoming = consumer.next(), if under_way.len() < usize::from(PREFETCH) => {
                    let begun = self.begin(incoming);
                    under_way.push_back(begun);
                }
            }
        }
        consumer.stop().await;
        while let Some(done) = under_way.next().await {
            acknowledge(done);
        }
        consumer.rest().await;
    }

    /// Decides at once, in the order of arrival; what takes time goes on in the returned future.
    fn begin(&mut self, incoming: Incoming) -> UnderWay {
        let received = Instant::now();
        let decision = self.decide(&incoming);
        let (publisher, metrics) = (self.publisher.clone(), Arc::clone(&self.metrics));
        let acknowledgement = incoming.acknowledgement;
        async move {
            match decision {
                Decision::Acknowledge => {}
                Decision::Reject(message) => publisher.publish(&message).await?,
                Decision::Enqueue(event) => {
                    enqueue(&publisher, event).await?;
                    metrics.processing.observe(received.elapsed().as_secs_f64());
                }
            }
            Ok(acknowledgement)
        }
        .boxed()
    }

    fn decide(&mut self, incoming: &Incoming) -> Decision {
        match self.decode(incoming) {
            Ok(event) => self.match_event(&event, incoming),
            Err(rejection) => {
                warn!(reason = rejection.reason.as_str(), detail = rejection.detail, "event rejected");
                self.metrics.rejected.with(ReasonLabel(rejection.reason)).inc();
                self.count(None, EventResult::Invalid);
                Decision::Reject(rejected(incoming, &rejection))
            }
        }
    }

    fn decode<'a>(&self, incoming: &'a Incoming) -> Result<CrmEvent<'a>, Rejection> {
        if incoming.body.len() > self.max_bytes {
            let detail = format!("{} bytes, more than the {} accepted", incoming.body.len(), self.max_bytes);
            return Err(Rejection::new(RejectionReason::TooLarge, detail));
        }
        cloud_event::decode(incoming.content_type(), incoming.content_encoding(), &incoming.body)
    }

    fn match_event(&mut self, event: &CrmEvent<'_>, incoming: &Incoming) -> Decision {
        let Some(event_type) = EventType::parse(&event.event_type) else {
            self.count(None, EventResult::UnknownType);
            return Decision::Acknowledge;
        };
        if self.recent.remember(event.account.as_str(), &event.source, &event.id) {
            self.count(Some(event_type), EventResult::Duplicate);
            return Decision::Acknowledge;
        }
        let webhooks = self.subscriptions.matching(event.account.as_str(), event_type);
        self.metrics.deliveries_per_event.observe(webhooks.len() as f64);
        if webhooks.is_empty() {
            self.count(Some(event_type), EventResult::NoSubscriber);
            return Decision::Acknowledge;
        }
        self.count(Some(event_type), EventResult::Accepted);
        let trace = trace_of(event, incoming);
        debug!(trace_id = %trace.trace_id(), event_type = event_type.name(), webhooks = webhooks.len(), "event matched");
        let traceparent = Some(trace.to_string());
        let accepted = AcceptedEvent::new(event, Timestamp::now(), traceparent, incoming.redelivered, &webhooks);
        Decision::Enqueue(accepted)
    }

    fn count(&self, event_type: Option<EventType>, result: EventResult) {
        self.metrics.events.with((EventTypeLabel(event_type), result)).inc();
    }
}

fn acknowledge(done: Result<Acknowledgement, PublisherClosed>) {
    // A publisher closes only when the process stops; the event is then delivered to another.
    if let Ok(acknowledgement) = done {
        acknowledgement.acknowledge();
    }
}

/// The CRM's trace goes on; without one, a new one ties this event's log lines together.
fn trace_of(event: &CrmEvent<'_>, incoming: &Incoming) -> TraceContext {
    let given = incoming.header("traceparent").or(event.traceparent.as_deref());
    given.and_then(|text| text.parse::<TraceContext>().ok()).map_or_else(TraceContext::generate, |trace| trace.child())
}
