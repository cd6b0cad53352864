//! Everything that the simulated processes share.

use std::collections::HashMap;
use std::sync::Arc;

use broker::{Message, Publish, PublishError};
use domain::{
    AccountName, AddressPolicy, Conditions, DeliveryId, EndpointUrl, EventType, EventTypeSet, RetryPolicy,
    SigningSecret, SubscriptionIndex, WebhookId,
};
use jiff::Timestamp;
use outbound::{Attempt, Post};
use runtime::Metrics;
use sender::endpoints::{EndpointState, ReadyEndpoint};
use sender::metrics::SenderMetrics;
use sender::ports::Ports;
use sender::record_outcome::Refused;
use store::StoreError;
use store::outcomes::{DeliveryRecord, Known};

use crate::broker::{Faults, SimBroker};
use crate::random::Random;
use crate::receiver::Receivers;
use crate::store::{SimStore, Webhook};

pub const EVENT_TYPE: &str = "deal.won";

/// A deliberate fault in the sender, which the checker has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// Jobs are acknowledged before their outcome is recorded.
    AcknowledgesFirst,
    /// The log is not consulted about possible duplicates.
    DoesNotDeduplicate,
    /// Outcomes are recorded, but retries are not published.
    ForgetsRetries,
    /// The pause of a webhook is not noticed.
    IgnoresPauses,
}

pub struct World {
    pub random: Arc<Random>,
    pub broker: Arc<SimBroker>,
    pub store: SimStore,
    pub receivers: Receivers,
    pub policy: RetryPolicy,
    pub metrics: Arc<SenderMetrics>,
    pub subscriptions: SubscriptionIndex,
    pub accounts: HashMap<WebhookId, AccountName>,
    pub sabotage: Sabotage,
    endpoints: HashMap<WebhookId, Arc<EndpointState>>,
    /// By host of the endpoint.
    by_host: HashMap<String, WebhookId>,
}

impl World {
    pub fn new(webhooks: usize, faults: Faults, random: Arc<Random>, sabotage: Sabotage) -> Arc<Self> {
        let policy = RetryPolicy::default();
        let store = SimStore::new();
        let event_type = EventType::parse(EVENT_TYPE).expect("it is in the catalogue");
        let event_types: EventTypeSet = [event_type].into_iter().collect();
        let mut world = Self {
            broker: SimBroker::new(&policy, faults, Arc::clone(&random)),
            receivers: Receivers::new(Arc::clone(&random)),
            metrics: Arc::new(SenderMetrics::new(&Metrics::new(), 1)),
            subscriptions: SubscriptionIndex::default(),
            accounts: HashMap::new(),
            endpoints: HashMap::new(),
            by_host: HashMap::new(),
            random,
            store,
            policy,
            sabotage,
        };
        for number in 0..webhooks {
            let webhook = WebhookId::generate();
            let account: AccountName = ["acme", "globex"][number % 2].parse().expect("a name");
            let host = format!("hook{number}.example.com");
            world
                .subscriptions
                .upsert(&account, webhook, event_types, Conditions::default());
            world.accounts.insert(webhook, account);
            world.endpoints.insert(webhook, Arc::new(endpoint(&host)));
            world.by_host.insert(host, webhook);
            world
                .store
                .tables
                .lock()
                .unwrap()
                .webhooks
                .insert(webhook, Webhook::default());
        }
        Arc::new(world)
    }

    pub fn webhooks(&self) -> Vec<WebhookId> {
        let mut webhooks: Vec<_> = self.by_host.iter().collect();
        webhooks.sort();
        webhooks.into_iter().map(|(_, webhook)| *webhook).collect()
    }
}

fn endpoint(host: &str) -> EndpointState {
    let url = format!("https://{host}/");
    let parsed = EndpointUrl::parse(&url, &AddressPolicy::public_only()).expect("a URL");
    EndpointState::Ready(Box::new(ReadyEndpoint {
        destination: outbound::Endpoint::new(&parsed).expect("a host"),
        url: url.into(),
        keys: vec![SigningSecret::generate().key()],
        headers: http::HeaderMap::new(),
        pace: None,
    }))
}

/// The ports of one simulated sender. When its tasks are aborted, it has died at an arbitrary await.
pub struct SimPorts(pub Arc<World>);

impl sender::ports::Receivers for SimPorts {
    async fn post(&self, post: Post<'_>) -> Attempt {
        let world = &self.0;
        let webhook = world.by_host[post.endpoint.host()];
        world.store.tables.lock().unwrap().judge_request(webhook, post.id);
        world.receivers.post(webhook, post.id).await
    }
}

impl Publish for SimPorts {
    async fn publish_for_certain(&self, message: &Message) -> Result<(), PublishError> {
        if self.0.sabotage != Sabotage::ForgetsRetries {
            self.0.broker.publish(message).await;
        }
        Ok(())
    }
}

impl Ports for SimPorts {
    fn now(&self) -> Timestamp {
        self.0.store.now()
    }

    async fn known_delivery(&self, delivery: DeliveryId, _: Option<Timestamp>) -> Result<Option<Known>, StoreError> {
        tokio::time::sleep(self.0.random.up_to(std::time::Duration::from_millis(10))).await;
        match self.0.sabotage {
            Sabotage::DoesNotDeduplicate => Ok(None),
            _ => self.0.store.known(delivery),
        }
    }

    async fn endpoint(&self, webhook: WebhookId, account: &AccountName) -> Result<Arc<EndpointState>, Arc<StoreError>> {
        let world = &self.0;
        assert_eq!(world.accounts.get(&webhook), Some(account));
        let stored = world.store.query(|tables| {
            let stored = &tables.webhooks[&webhook];
            (stored.deleted, stored.health.paused.is_some())
        });
        let ignores = world.sabotage == Sabotage::IgnoresPauses;
        Ok(match stored.map_err(Arc::new)? {
            (true, _) => Arc::new(EndpointState::Deleted),
            (false, true) if !ignores => Arc::new(EndpointState::Paused),
            (false, _) => Arc::clone(&world.endpoints[&webhook]),
        })
    }

    async fn record(&self, record: DeliveryRecord) -> Result<(), Refused> {
        tokio::time::sleep(self.0.random.up_to(std::time::Duration::from_millis(40))).await;
        self.0.store.record(record).await;
        tokio::time::sleep(self.0.random.up_to(std::time::Duration::from_millis(10))).await;
        Ok(())
    }
}
