//! A test delivery, from the stored form to the reply: one attempt by the code of a delivery, never retried. It works
//! in every status of a webhook and changes none.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{AddressPolicy, DeliveryHead, DeliveryId, EndpointUrl, EventType, SigningSecret, Trigger};
use outbound::Outbound;
use store::Database;
use store::test_log::TestRecord;
use store::test_requests::TestForm;
use tokio::time::timeout;
use tracing::{info, warn};
use wire::event_body::test_body;
use wire::{CrmEvent, TestAnswer, TestAttempt, TestRequest};

use crate::attempt::{PostedAttempt, make};
use crate::endpoints::{EndpointState, ReadyEndpoint, header_map};
use crate::metrics::SenderMetrics;
use crate::ports::now;

/// CloudEvents `source` of example events.
const SOURCE: &str = "/easycrm/webhooks/test";
/// Timeout for writing the log: a user waits for the reply.
const LOG_PATIENCE: Duration = Duration::from_secs(3);

/// The parts a test delivery needs.
pub struct TestRunner {
    /// Forms and delivery log.
    pub database: Database,
    /// Posts to receivers.
    pub outbound: Outbound,
    /// The address policy.
    pub policy: AddressPolicy,
    pub metrics: Arc<SenderMetrics>,
}

/// The posted example event.
struct Example {
    id: DeliveryId,
    event_id: String,
    body: Bytes,
}

impl TestRunner {
    /// Makes the attempt. `None` when it is made already, or was cancelled.
    pub async fn run(&self, request: &TestRequest) -> Option<TestAnswer> {
        let form = match self.database.take_test_request(&request.account, request.test).await {
            Ok(form) => form?,
            Err(error) => return Some(impossible(request, &error.to_string())),
        };
        let Some(event_type) = EventType::parse(&form.event_type) else {
            return Some(impossible(request, "this version does not know the event type"));
        };
        let example = Example::new(request, event_type);
        let endpoint = self.endpoint(&form);
        let made = make(&self.outbound, &endpoint, example.id, &example.body, now()).await?;
        self.log_outcome(request, &form, &made);
        let answer = answer(&made);
        self.log(request, form, example, made).await;
        Some(TestAnswer::Attempted(answer))
    }

    /// By the rules of a delivery: a URL that the address policy no longer allows is not dialled.
    fn endpoint(&self, form: &TestForm) -> EndpointState {
        let url = form.url.as_str();
        let endpoint = EndpointUrl::parse(url, &self.policy)
            .ok()
            .and_then(|url| outbound::Endpoint::new(&url).ok());
        endpoint.map_or(EndpointState::NotAllowed, |endpoint| {
            let keys = form.secrets.iter().map(SigningSecret::key).collect();
            EndpointState::Ready(Box::new(ReadyEndpoint {
                destination: endpoint,
                url: url.into(),
                keys,
                headers: header_map(&form.headers),
                pace: None,
            }))
        })
    }

    fn log_outcome(&self, request: &TestRequest, form: &TestForm, made: &PostedAttempt) {
        let ended = &made.ended;
        self.metrics.attempts.with((ended.outcome, Trigger::Test)).inc();
        let webhook_id = form.webhook.map(|webhook| webhook.to_string());
        info!(trace_id = trace_id(request), test_id = %request.test, webhook_id, account = request.account.as_str(),
            event_type = form.event_type, outcome = %ended.outcome, status_code = ended.http_status,
            duration_ms = made.response_time_ms(), error = ended.error, "test delivery attempted");
    }

    /// Records the test delivery of a saved webhook. A failure to record does not withhold the reply.
    async fn log(&self, request: &TestRequest, form: TestForm, example: Example, made: PostedAttempt) {
        let Some(webhook) = form.webhook else { return };
        let response_time_ms = made.response_time_ms();
        let delivery = DeliveryHead {
            id: example.id,
            webhook,
            account: request.account.clone(),
            event_id: example.event_id,
            event_type: form.event_type,
            subject: None,
            accepted_at: made.at,
            payload: example.body,
            traceparent: request.traceparent.clone(),
        };
        let record = TestRecord {
            delivery,
            outcome: made.ended.outcome,
            http_status: made.ended.http_status,
            response_time_ms,
            error: made.ended.error.map(str::to_owned),
            response_excerpt: made.ended.response_excerpt,
        };
        match timeout(LOG_PATIENCE, self.database.record_test(&record)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, test_id = %request.test, "cannot record a test delivery in the delivery log")
            }
            Err(_) => {
                warn!(test_id = %request.test, "a test delivery may be missing from the log: the database is slow")
            }
        }
    }
}

impl Example {
    /// The catalogue's example, as an event of now.
    fn new(request: &TestRequest, event_type: EventType) -> Self {
        let event_id = format!("test-{}", request.test);
        let event = CrmEvent {
            id: event_id.as_str().into(),
            source: SOURCE.into(),
            event_type: event_type.name().into(),
            time: None,
            subject: None,
            account: request.account.clone(),
            traceparent: None,
            actor: None,
            data: event_type.example_data().into(),
        };
        let body = test_body(&event, now());
        // The id of the test delivery: unique among events and test deliveries.
        Self {
            id: request.test.into(),
            event_id,
            body,
        }
    }
}

fn answer(made: &PostedAttempt) -> TestAttempt {
    TestAttempt {
        outcome: made.ended.outcome,
        http_status: made.ended.http_status,
        response_time_ms: made.response_time_ms(),
        error: made.ended.error.map(str::to_owned),
    }
}

fn impossible(request: &TestRequest, reason: &str) -> TestAnswer {
    warn!(trace_id = trace_id(request), test_id = %request.test, reason, "cannot make a test delivery");
    TestAnswer::NotAttempted
}

fn trace_id(request: &TestRequest) -> &str {
    request
        .traceparent
        .as_deref()
        .and_then(|text| text.get(3..35))
        .unwrap_or_default()
}
