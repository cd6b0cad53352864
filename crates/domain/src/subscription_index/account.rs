//! One account's subscriptions.

use crate::conditions::Conditions;
use crate::event_type::{EventType, EventTypeSet};
use crate::ids::WebhookId;

/// A webhook as it is loaded.
pub(super) struct Subscriber {
    pub(super) webhook: WebhookId,
    pub(super) event_types: EventTypeSet,
    pub(super) conditions: Conditions,
}

/// The subscriptions of one account. Immutable; a change creates a new block.
#[derive(Default)]
pub(super) struct AccountSubscriptions {
    /// Every webhook with a subscription, sorted by id.
    webhooks: Box<[(WebhookId, EventTypeSet)]>,
    /// Those of them that have conditions, sorted by id.
    conditions: Box<[(WebhookId, Conditions)]>,
    /// The webhooks again, once per subscribed type: grouped by type, sorted by id within a group.
    by_type: Box<[WebhookId]>,
    /// Where each type's group ends in `by_type`; it starts at the end of the previous one.
    group_ends: [u32; EventType::COUNT],
}

impl AccountSubscriptions {
    /// From webhooks in any order; of two with the same id the later one counts.
    pub(super) fn from_unsorted(mut subscribers: Vec<Subscriber>) -> Self {
        // A stable sort of the reversed list puts the latest of equal ids first, and that is the one `dedup` keeps.
        subscribers.reverse();
        subscribers.sort_by_key(|subscriber| subscriber.webhook);
        subscribers.dedup_by_key(|subscriber| subscriber.webhook);
        subscribers.retain(|subscriber| !subscriber.event_types.is_empty());
        let webhooks = subscribers.iter().map(|it| (it.webhook, it.event_types)).collect();
        let restricted = subscribers.into_iter().filter(|it| !it.conditions.is_empty());
        Self::from_sorted(webhooks, restricted.map(|it| (it.webhook, it.conditions)).collect())
    }

    /// The same subscriptions with one webhook changed; an empty set removes it.
    pub(super) fn with(&self, webhook: WebhookId, event_types: EventTypeSet, conditions: Conditions) -> Self {
        let event_types = (!event_types.is_empty()).then_some(event_types);
        let conditions = event_types.and((!conditions.is_empty()).then_some(conditions));
        Self::from_sorted(
            replaced(&self.webhooks, webhook, event_types),
            replaced(&self.conditions, webhook, conditions).into(),
        )
    }

    fn from_sorted(webhooks: Vec<(WebhookId, EventTypeSet)>, conditions: Box<[(WebhookId, Conditions)]>) -> Self {
        let subscriptions = webhooks.iter().map(|(_, event_types)| event_types.len()).sum();
        let mut by_type = Vec::with_capacity(subscriptions);
        let mut group_ends = [0; EventType::COUNT];
        for event_type in EventType::all() {
            let subscribed = webhooks
                .iter()
                .filter(|(_, event_types)| event_types.contains(event_type));
            by_type.extend(subscribed.map(|(webhook, _)| *webhook));
            group_ends[event_type.index()] =
                u32::try_from(by_type.len()).expect("one account has fewer than 2^32 subscriptions");
        }
        Self {
            webhooks: webhooks.into(),
            conditions,
            by_type: by_type.into(),
            group_ends,
        }
    }

    /// The webhooks that subscribe to a type, sorted by id.
    pub(super) fn matching(&self, event_type: EventType) -> &[WebhookId] {
        let index = event_type.index();
        let start = if index == 0 { 0 } else { self.group_ends[index - 1] };
        &self.by_type[start as usize..self.group_ends[index] as usize]
    }

    /// The webhooks that have conditions, of whatever type, sorted by id.
    pub(super) fn conditions(&self) -> &[(WebhookId, Conditions)] {
        &self.conditions
    }

    pub(super) fn webhooks(&self) -> usize {
        self.webhooks.len()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.by_type.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.webhooks.is_empty()
    }

    /// The memory behind the boxes, in bytes, without the conditions themselves.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.webhooks) + size_of_val(&*self.conditions) + size_of_val(&*self.by_type)
    }
}

/// A sorted list in which a webhook has this value, or none.
fn replaced<T: Clone>(list: &[(WebhookId, T)], webhook: WebhookId, value: Option<T>) -> Vec<(WebhookId, T)> {
    let mut replaced = Vec::with_capacity(list.len() + 1);
    replaced.extend_from_slice(list);
    match (replaced.binary_search_by_key(&webhook, |(webhook, _)| *webhook), value) {
        (Ok(position), Some(value)) => replaced[position].1 = value,
        (Ok(position), None) => drop(replaced.remove(position)),
        (Err(position), Some(value)) => replaced.insert(position, (webhook, value)),
        (Err(_), None) => {}
    }
    replaced
}
