//! Ports that answer as a test says and note what was asked of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::{Message, Publish, PublishError, Refusal, RefusalCode};
use bytes::Bytes;
use domain::{
    AccountName, AddressPolicy, AutoPause, DeliveryHead, DeliveryId, DeliveryPhase, EndpointUrl, Outcome, RetryPolicy,
    SigningSecret, Trigger, WebhookId,
};
use jiff::Timestamp;
use outbound::{Attempt, Post};
use runtime::Metrics;
use sender::auto_pause::AutoPauseGuard;
use sender::database_outage::DatabaseOutage;
use sender::deliver::Deliverer;
use sender::endpoints::{EndpointState, ReadyEndpoint};
use sender::metrics::SenderMetrics;
use sender::ports::{Ports, Receivers};
use sender::record_outcome::Refused;
use sender::slots::{SlotLimits, Slots};
use sender::suspension::Suspension;
use store::StoreError;
use store::outcomes::{DeliveryRecord, Known};
use tokio_util::sync::CancellationToken;
use wire::DeliveryJob;

/// The time of every test.
pub const NOW: i64 = 1_780_000_000;
/// After which an outage of the database is long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Something that the delivery did outside the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    LookedUp,
    Posted,
    Recorded(DeliveryPhase, u32),
    Published(String),
}

/// How the outside answers.
pub struct Answers {
    pub known: Option<Known>,
    pub endpoint: Arc<EndpointState>,
    /// The receiver's answers, in turn; the last one stays.
    pub responses: Mutex<VecDeque<Attempt>>,
    pub response_time: Duration,
    /// The database is down for this long.
    pub database_down_for: Duration,
    pub record_refused: bool,
    pub publish: Result<(), PublishError>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            known: None,
            endpoint: Arc::new(endpoint()),
            responses: Mutex::new([response(Outcome::Success, Some(200))].into()),
            response_time: Duration::ZERO,
            database_down_for: Duration::ZERO,
            record_refused: false,
            publish: Ok(()),
        }
    }
}

pub struct TestPorts {
    answers: Answers,
    pub did: Mutex<Vec<Did>>,
    pub records: Mutex<Vec<DeliveryRecord>>,
    began: tokio::time::Instant,
}

impl TestPorts {
    fn did(&self, what: Did) {
        self.did.lock().unwrap().push(what);
    }

    fn query<T>(&self, answer: T) -> Result<T, StoreError> {
        if self.began.elapsed() < self.answers.database_down_for {
            Err(StoreError::Unavailable("it is down".into()))
        } else {
            Ok(answer)
        }
    }
}

impl Receivers for TestPorts {
    async fn post(&self, _: Post<'_>) -> Attempt {
        self.did(Did::Posted);
        tokio::time::sleep(self.answers.response_time).await;
        let mut responses = self.answers.responses.lock().unwrap();
        match responses.len() {
            1 => responses[0].clone(),
            _ => responses.pop_front().unwrap(),
        }
    }
}

impl Publish for TestPorts {
    async fn publish_for_certain(&self, message: &Message) -> Result<(), PublishError> {
        self.did(Did::Published(message.routing_key().to_owned()));
        self.answers.publish.clone()
    }
}

impl Ports for TestPorts {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    async fn known_delivery(&self, _: DeliveryId, _: Option<Timestamp>) -> Result<Option<Known>, StoreError> {
        self.did(Did::LookedUp);
        self.query(self.answers.known)
    }

    async fn endpoint(&self, _: WebhookId, _: &AccountName) -> Result<Arc<EndpointState>, Arc<StoreError>> {
        self.query(Arc::clone(&self.answers.endpoint)).map_err(Arc::new)
    }

    async fn record(&self, record: DeliveryRecord) -> Result<(), Refused> {
        self.did(Did::Recorded(record.disposition.phase(), record.attempts));
        self.records.lock().unwrap().push(record);
        if self.answers.record_refused {
            return Err(Refused("a value is out of range".to_owned()));
        }
        Ok(())
    }
}

pub fn endpoint() -> EndpointState {
    let url = "https://hook.example.com/";
    let parsed = EndpointUrl::parse(url, &AddressPolicy::public_only()).unwrap();
    EndpointState::Ready(Box::new(ReadyEndpoint {
        destination: outbound::Endpoint::new(&parsed).unwrap(),
        url: url.into(),
        keys: vec![SigningSecret::generate().key()],
        headers: http::HeaderMap::new(),
        pace: None,
    }))
}

pub fn response(outcome: Outcome, http_status: Option<u16>) -> Attempt {
    Attempt {
        outcome,
        http_status,
        retry_after: None,
        response_time: Duration::from_millis(5),
        error: None,
        response_excerpt: Vec::new(),
    }
}

pub fn refusal() -> PublishError {
    PublishError::Refused(Refusal {
        code: RefusalCode::PreconditionFailed,
        reason: "PRECONDITION_FAILED - message too large".to_owned(),
    })
}

/// A deliverer with so many slots, of which a webhook may have one.
pub fn deliverer(answers: Answers, slots: u32) -> Deliverer<TestPorts> {
    let metrics = Arc::new(SenderMetrics::new(&Metrics::new(), 1));
    let limits = SlotLimits {
        all: slots,
        per_webhook: 1,
        per_host: slots,
        window: 16 * 1024 * 1024,
    };
    Deliverer {
        ports: TestPorts {
            answers,
            did: Mutex::default(),
            records: Mutex::default(),
            began: tokio::time::Instant::now(),
        },
        policy: RetryPolicy::default(),
        slots: Slots::new(limits),
        auto_pause: AutoPauseGuard::new(AutoPause::default(), &metrics),
        metrics,
        suspension: Suspension::never(),
        stop: CancellationToken::new(),
        outage: DatabaseOutage::new(PATIENCE),
    }
}

pub fn job(attempt: u32, trigger: Trigger) -> DeliveryJob {
    let account: AccountName = "acme".parse().unwrap();
    let webhook = WebhookId::generate();
    DeliveryJob {
        delivery: DeliveryHead {
            id: DeliveryId::derive(&account, "/crm", "1", webhook),
            webhook,
            account,
            event_id: "1".to_owned(),
            event_type: "deal.won".to_owned(),
            subject: Some("deals/9001".to_owned()),
            accepted_at: Timestamp::from_second(NOW - 1).unwrap(),
            payload: Bytes::from_static(b"{}"),
            traceparent: None,
        },
        attempt,
        step: attempt - 1,
        trigger,
        repeat: false,
        deferred_for: Duration::ZERO,
    }
}
