//! What is known of webhooks: a bounded cache in front of the database, emptied by what the database tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::{AddressPolicy, EndpointUrl, SigningKey, WebhookId};
use moka::future::Cache;
use runtime::Condition;
use store::changes::{Change, listen};
use store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Webhooks remembered. Each holds a URL and a key or two: a few hundred bytes.
const CAPACITY: u64 = 20_000;
/// A replaced secret stops signing without anybody telling; so does this memory.
const TIME_TO_LIVE: Duration = Duration::from_secs(60);
/// Changes waiting to be applied; more wait in the database.
const CHANGES: usize = 1024;

/// A webhook, ready to be posted to.
#[derive(Debug)]
pub enum Target {
    /// As configured.
    Ready(Box<Endpoint>),
    /// Nothing is sent to it until it is resumed.
    Paused,
    /// Its URL is not allowed (any more).
    NotAllowed,
    /// Its secret does not decrypt.
    SecretUnreadable,
    /// There is no such webhook (any more).
    Deleted,
}

impl Target {
    /// Whether its deliveries are held.
    pub fn is_paused(&self) -> bool {
        matches!(self, Self::Paused)
    }
}

/// Where to post and what to sign with.
#[derive(Debug)]
pub struct Endpoint {
    /// Where to.
    pub target: outbound::Target,
    /// The current key first.
    pub keys: Vec<SigningKey>,
}

/// The webhooks' settings. Clones share the cache.
#[derive(Clone)]
pub struct Targets {
    database: Database,
    policy: AddressPolicy,
    cache: Cache<WebhookId, Arc<Target>>,
    /// While changes are not heard, what is remembered cannot be trusted.
    heard: Arc<AtomicBool>,
    /// Changes heard so far.
    changes: Arc<AtomicU64>,
}

impl Targets {
    /// Follows the changes of webhooks until `stop`.
    pub fn follow(database: Database, policy: AddressPolicy, condition: Condition, stop: CancellationToken) -> Self {
        let cache = Cache::builder().max_capacity(CAPACITY).time_to_live(TIME_TO_LIVE).build();
        let (sender, changes) = mpsc::channel(CHANGES);
        tokio::spawn(listen(database.clone(), sender));
        let targets = Self { database, policy, cache, heard: Arc::default(), changes: Arc::default() };
        let follower = targets.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = follower.apply(changes, &condition) => {}
            }
        });
        targets
    }

    async fn apply(&self, mut changes: mpsc::Receiver<Change>, condition: &Condition) {
        while let Some(change) = changes.recv().await {
            self.changes.fetch_add(1, Ordering::AcqRel);
            match change {
                Change::Webhook { webhook, .. } => self.cache.invalidate(&webhook).await,
                Change::Everything => {
                    self.cache.invalidate_all();
                    self.heard.store(true, Ordering::Release);
                    condition.ready();
                }
                Change::Lost => {
                    self.heard.store(false, Ordering::Release);
                    condition.not_ready("changes of webhooks are not heard from the database");
                }
            }
        }
    }

    /// What is known of a webhook; read from the database when it is not remembered.
    ///
    /// # Errors
    /// When it has to be read and cannot be.
    pub async fn get(&self, webhook: WebhookId) -> Result<Arc<Target>, Arc<StoreError>> {
        if !self.heard.load(Ordering::Acquire) {
            return self.read(webhook).await.map_err(Arc::new);
        }
        let before = self.changes.load(Ordering::Acquire);
        let target = self.cache.try_get_with(webhook, self.read(webhook)).await?;
        // A change heard while the row was being read may have come too early to throw out what was read.
        if self.changes.load(Ordering::Acquire) != before {
            self.cache.invalidate(&webhook).await;
        }
        Ok(target)
    }

    async fn read(&self, webhook: WebhookId) -> Result<Arc<Target>, StoreError> {
        let target = match self.database.target(webhook).await {
            Ok(None) => Target::Deleted,
            Ok(Some(stored)) => self.prepare(&stored),
            Err(StoreError::Secret) => Target::SecretUnreadable,
            Err(error) => return Err(error),
        };
        Ok(Arc::new(target))
    }

    fn prepare(&self, stored: &store::webhooks::Target) -> Target {
        if stored.paused {
            return Target::Paused;
        }
        let Ok(url) = EndpointUrl::parse(&stored.url, &self.policy) else { return Target::NotAllowed };
        let Ok(target) = outbound::Target::new(&url) else { return Target::NotAllowed };
        let keys = stored.secrets.iter().map(domain::SigningSecret::key).collect();
        Target::Ready(Box::new(Endpoint { target, keys }))
    }
}
