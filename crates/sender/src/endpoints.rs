//! The cached settings of webhooks: a bounded cache in front of the database, invalidated by its notifications.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::{AccountName, AddressPolicy, EndpointUrl, RequestHeader, SigningKey, WebhookId};
use http::{HeaderMap, HeaderName, HeaderValue};
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use runtime::Condition;
use store::changes::{Change, follow_changes};
use store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::pace::Pace;
use crate::slots::Slots;

/// Cache capacity. A webhook holds a URL and a key or two: a few hundred bytes.
const CAPACITY: u64 = 20_000;
/// TTL: a replaced secret stops signing without a notification.
const TIME_TO_LIVE: Duration = Duration::from_secs(60);

/// A webhook, prepared for posting.
#[derive(Debug)]
pub enum EndpointState {
    /// As configured.
    Ready(Box<ReadyEndpoint>),
    /// Nothing is sent until it is resumed.
    Paused,
    /// The address policy does not allow its URL (any more).
    NotAllowed,
    /// Its secret does not decrypt.
    SecretUnreadable,
    /// The webhook does not exist (any more).
    Deleted,
    /// It belongs to another account than the given one.
    OfAnotherAccount,
}

impl EndpointState {
    /// Whether its deliveries are held.
    pub fn is_paused(&self) -> bool {
        matches!(self, Self::Paused)
    }

    /// The webhook's URL, if it can be posted to.
    pub fn url(&self) -> Option<&Arc<str>> {
        match self {
            Self::Ready(endpoint) => Some(&endpoint.url),
            Self::Paused | Self::NotAllowed | Self::SecretUnreadable | Self::Deleted | Self::OfAnotherAccount => None,
        }
    }

    /// The webhook's limit of deliveries a second, if it has one. Its deliveries have to come from the outbox relay.
    pub fn pace(&self) -> Option<&Pace> {
        match self {
            Self::Ready(endpoint) => endpoint.pace.as_ref(),
            _ => None,
        }
    }

    /// The receiver's host; empty if nothing is dialled.
    pub fn host(&self) -> &str {
        match self {
            Self::Ready(endpoint) => endpoint.destination.host(),
            Self::Paused | Self::NotAllowed | Self::SecretUnreadable | Self::Deleted | Self::OfAnotherAccount => "",
        }
    }
}

/// Where to post, and the keys to sign with.
#[derive(Debug)]
pub struct ReadyEndpoint {
    /// Where to dial, and what to request.
    pub destination: outbound::Endpoint,
    /// Its URL, as the database has it.
    pub url: Arc<str>,
    /// The current key first.
    pub keys: Vec<SigningKey>,
    /// Added to each request.
    pub headers: HeaderMap,
    /// The webhook's limit of deliveries a second.
    pub pace: Option<Pace>,
}

/// A cached webhook.
#[derive(Clone)]
struct Known {
    /// `None` if it is deleted, or its secret does not decrypt.
    account: Option<AccountName>,
    endpoint: Arc<EndpointState>,
}

/// The cached settings of webhooks. Clones share the cache.
#[derive(Clone)]
pub struct Endpoints {
    database: Database,
    policy: AddressPolicy,
    cache: Cache<WebhookId, Known>,
    /// Whether notifications arrive; otherwise the cache cannot be trusted.
    heard: Arc<AtomicBool>,
    /// Number of notifications so far.
    changes: Arc<AtomicU64>,
    /// Holds the throttles to reset when a webhook changes.
    slots: Slots,
}

impl Endpoints {
    /// Follows the changes of webhooks until `stop`.
    pub fn follow(
        database: Database,
        policy: AddressPolicy,
        slots: Slots,
        condition: Condition,
        stop: CancellationToken,
    ) -> Self {
        let cache = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(TIME_TO_LIVE)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        let endpoints = Self {
            database: database.clone(),
            policy,
            cache,
            heard: Arc::default(),
            changes: Arc::default(),
            slots,
        };
        let follower = endpoints.clone();
        follow_changes(database, stop, |changes| async move {
            follower.apply(changes, &condition).await
        });
        endpoints
    }

    async fn apply(&self, mut changes: mpsc::Receiver<Change>, condition: &Condition) {
        while let Some(change) = changes.recv().await {
            self.changes.fetch_add(1, Ordering::AcqRel);
            match change {
                Change::Webhook { webhook, .. } => {
                    self.cache.invalidate(&webhook).await;
                    self.slots.forget_throttle(webhook);
                }
                Change::Everything => {
                    self.cache.invalidate_all();
                    self.heard.store(true, Ordering::Release);
                    condition.ready();
                }
                Change::Lost => {
                    self.heard.store(false, Ordering::Release);
                    condition.not_ready("no connection listens for webhook changes (LISTEN)");
                }
            }
        }
    }

    /// The settings of a webhook of this account, from the cache or the database.
    ///
    /// # Errors
    /// When it has to be read from the database and cannot be.
    pub async fn get(&self, webhook: WebhookId, account: &AccountName) -> Result<Arc<EndpointState>, Arc<StoreError>> {
        let known = self.known(webhook).await?;
        let is_anothers = known.account.is_some_and(|owner| owner != *account);
        Ok(if is_anothers {
            Arc::new(EndpointState::OfAnotherAccount)
        } else {
            known.endpoint
        })
    }

    async fn known(&self, webhook: WebhookId) -> Result<Known, Arc<StoreError>> {
        if !self.heard.load(Ordering::Acquire) {
            return self.read(webhook).await.map_err(Arc::new);
        }
        let before = self.changes.load(Ordering::Acquire);
        let endpoint = self.cache.try_get_with(webhook, self.read(webhook)).await?;
        // A notification that arrived during the read may have come too early to invalidate its result.
        if self.changes.load(Ordering::Acquire) != before {
            self.cache.invalidate(&webhook).await;
        }
        Ok(endpoint)
    }

    async fn read(&self, webhook: WebhookId) -> Result<Known, StoreError> {
        let (account, endpoint) = match self.database.endpoint(webhook).await {
            Ok(None) => (None, EndpointState::Deleted),
            Ok(Some(stored)) => (Some(stored.account.clone()), self.prepare(&stored)),
            Err(StoreError::Secret) => (None, EndpointState::SecretUnreadable),
            Err(error) => return Err(error),
        };
        Ok(Known {
            account,
            endpoint: Arc::new(endpoint),
        })
    }

    fn prepare(&self, stored: &store::webhooks::StoredEndpoint) -> EndpointState {
        if stored.paused {
            return EndpointState::Paused;
        }
        let Ok(url) = EndpointUrl::parse(&stored.url, &self.policy) else {
            return EndpointState::NotAllowed;
        };
        let Ok(endpoint) = outbound::Endpoint::new(&url) else {
            return EndpointState::NotAllowed;
        };
        let keys = stored.secrets.iter().map(domain::SigningSecret::key).collect();
        EndpointState::Ready(Box::new(ReadyEndpoint {
            destination: endpoint,
            url: stored.url.as_str().into(),
            keys,
            headers: header_map(&stored.headers),
            pace: Pace::new(stored.max_per_second),
        }))
    }
}

/// Their values are marked, so that nothing logs them. A header that HTTP does not allow was never stored.
pub fn header_map(headers: &[RequestHeader]) -> HeaderMap {
    let pair = |header: &RequestHeader| {
        let name = HeaderName::try_from(header.name()).ok()?;
        let mut value = HeaderValue::try_from(header.expose()).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    headers.iter().filter_map(pair).collect()
}
