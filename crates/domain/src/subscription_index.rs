//! The subscription index: which webhooks of an account are subscribed to an event type, and on which conditions.
//!
//! A hash map leads from an account to its block of subscriptions; inside, the webhooks of one type are adjacent, so
//! that a match is a lookup and a slice, however many subscriptions there are. Snapshots share blocks, and the shards
//! over which the accounts are spread: a change copies one shard and rebuilds one block, nothing else.

mod account;
mod selection;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap};

use crate::conditions::Conditions;
use crate::event_type::{EventType, EventTypeSet};
use crate::ids::{AccountName, WebhookId};

use account::{AccountSubscriptions, Subscriber};
pub use selection::Selection;

/// Part of the accounts.
type Shard = HashMap<AccountName, Arc<AccountSubscriptions>>;

/// The number of shards: with 10,000 accounts, a snapshot and the copy of a shard take a few microseconds each.
const SHARDS: usize = 256;

/// The two counters ahead of the value in an `Arc`, in bytes.
const ARC_HEADER: usize = 2 * size_of::<usize>();

/// Every subscription, by account and type.
///
/// A snapshot: a clone is cheap because it shares unchanged parts, and a change to either does not affect the other.
#[derive(Clone)]
pub struct SubscriptionIndex {
    shards: Vec<Arc<Shard>>,
    shard_hasher: DefaultHashBuilder,
    webhooks: usize,
    subscriptions: usize,
}

impl SubscriptionIndex {
    /// Starts a bulk load.
    pub fn builder() -> SubscriptionIndexBuilder {
        SubscriptionIndexBuilder::default()
    }

    /// The webhooks of an account that subscribe to a type, in the order of their ids.
    pub fn matching(&self, account: &str, event_type: EventType) -> &[WebhookId] {
        let shard = &self.shards[self.shard_of(account)];
        shard.get(account).map_or(&[], |account| account.matching(event_type))
    }

    /// The webhooks of an account that get an event: those that subscribe to its type and whose conditions hold. `data`
    /// is its JSON, which is read only if one of them has conditions, and `actor` the CloudEvents extension.
    pub fn select(&self, account: &str, event_type: EventType, data: &str, actor: Option<&str>) -> Selection {
        let shard = &self.shards[self.shard_of(account)];
        let Some(account) = shard.get(account) else {
            return Selection::default();
        };
        Selection::new(account.matching(event_type), account.conditions(), data, actor)
    }

    /// Sets the subscriptions of a webhook, replacing former ones; an empty set removes it.
    pub fn upsert(
        &mut self,
        account: &AccountName,
        webhook: WebhookId,
        event_types: EventTypeSet,
        conditions: Conditions,
    ) {
        let before = self.shard_mut(account).remove(account).unwrap_or_default();
        self.webhooks -= before.webhooks();
        self.subscriptions -= before.subscriptions();
        self.insert(account.clone(), before.with(webhook, event_types, conditions));
    }

    /// Removes a webhook, if it is there.
    pub fn remove(&mut self, account: &AccountName, webhook: WebhookId) {
        self.upsert(account, webhook, EventTypeSet::EMPTY, Conditions::default());
    }

    /// The number of webhooks with a subscription.
    pub fn webhooks(&self) -> usize {
        self.webhooks
    }

    /// The number of subscriptions: pairs of webhook and event type.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions
    }

    /// An estimate of its memory, in bytes; parts shared with other snapshots are counted in each.
    pub fn heap_bytes(&self) -> usize {
        let account_bytes = |(name, account): (&AccountName, &Arc<AccountSubscriptions>)| {
            2 * ARC_HEADER + name.as_str().len() + size_of::<AccountSubscriptions>() + account.heap_bytes()
        };
        let shard_bytes = |shard: &Arc<Shard>| {
            let own = size_of::<Arc<Shard>>() + ARC_HEADER + size_of::<Shard>() + shard.allocation_size();
            own + shard.iter().map(account_bytes).sum::<usize>()
        };
        self.shards.iter().map(shard_bytes).sum()
    }

    /// Inserts the block of a new account.
    fn insert(&mut self, name: AccountName, account: AccountSubscriptions) {
        self.webhooks += account.webhooks();
        self.subscriptions += account.subscriptions();
        if !account.is_empty() {
            self.shard_mut(&name).insert(name, Arc::new(account));
        }
    }

    fn shard_mut(&mut self, account: &AccountName) -> &mut Shard {
        let shard = self.shard_of(account.as_str());
        Arc::make_mut(&mut self.shards[shard])
    }

    /// Uses hash bits that a hash map uses neither for its buckets (the lowest) nor for its tags (the highest), so that
    /// the names inside a shard still spread.
    fn shard_of(&self, account: &str) -> usize {
        (self.shard_hasher.hash_one(account) >> 32) as usize % SHARDS
    }
}

impl Default for SubscriptionIndex {
    fn default() -> Self {
        Self {
            shards: vec![Arc::default(); SHARDS],
            shard_hasher: DefaultHashBuilder::default(),
            webhooks: 0,
            subscriptions: 0,
        }
    }
}

impl fmt::Debug for SubscriptionIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionIndex")
            .field("accounts", &self.shards.iter().map(|shard| shard.len()).sum::<usize>())
            .field("webhooks", &self.webhooks)
            .field("subscriptions", &self.subscriptions)
            .finish()
    }
}

/// Collects webhooks for a bulk load: each account's block is built once, at the end.
#[derive(Default)]
pub struct SubscriptionIndexBuilder {
    accounts: HashMap<AccountName, Vec<Subscriber>>,
}

impl SubscriptionIndexBuilder {
    /// Adds a webhook; a later one with the same account and id replaces an earlier one.
    pub fn add(&mut self, account: AccountName, webhook: WebhookId, event_types: EventTypeSet, conditions: Conditions) {
        self.accounts.entry(account).or_default().push(Subscriber {
            webhook,
            event_types,
            conditions,
        });
    }

    /// Builds the index.
    pub fn build(self) -> SubscriptionIndex {
        let mut index = SubscriptionIndex::default();
        for (name, webhooks) in self.accounts {
            index.insert(name, AccountSubscriptions::from_unsorted(webhooks));
        }
        index
    }
}

/// Webhooks without conditions.
impl FromIterator<(AccountName, WebhookId, EventTypeSet)> for SubscriptionIndex {
    fn from_iter<I: IntoIterator<Item = (AccountName, WebhookId, EventTypeSet)>>(webhooks: I) -> Self {
        let mut builder = Self::builder();
        for (account, webhook, event_types) in webhooks {
            builder.add(account, webhook, event_types, Conditions::default());
        }
        builder.build()
    }
}

#[cfg(test)]
mod tests;
