//! One account's subscriptions.

use crate::event_type::{EventType, EventTypeSet};
use crate::ids::WebhookId;

/// The subscriptions of one account. Immutable; a change creates a new block.
#[derive(Default)]
pub(super) struct AccountSubscriptions {
    /// Every webhook with a subscription, sorted by id.
    webhooks: Box<[(WebhookId, EventTypeSet)]>,
    /// The webhooks again, once per subscribed type: grouped by type, sorted by id within a group.
    by_type: Box<[WebhookId]>,
    /// Where each type's group ends in `by_type`; it starts at the end of the previous one.
    group_ends: [u32; EventType::COUNT],
}

impl AccountSubscriptions {
    /// From webhooks in any order; of two with the same id the later one counts.
    pub(super) fn from_unsorted(mut webhooks: Vec<(WebhookId, EventTypeSet)>) -> Self {
        // A stable sort of the reversed list puts the latest of equal ids first, and that is the one `dedup` keeps.
        webhooks.reverse();
        webhooks.sort_by_key(|(webhook, _)| *webhook);
        webhooks.dedup_by_key(|(webhook, _)| *webhook);
        webhooks.retain(|(_, event_types)| !event_types.is_empty());
        Self::from_sorted(webhooks)
    }

    /// The same subscriptions with one webhook changed; an empty set removes it.
    pub(super) fn with(&self, webhook: WebhookId, event_types: EventTypeSet) -> Self {
        let mut webhooks = Vec::with_capacity(self.webhooks.len() + 1);
        webhooks.extend_from_slice(&self.webhooks);
        match webhooks.binary_search_by_key(&webhook, |(webhook, _)| *webhook) {
            Ok(position) if event_types.is_empty() => {
                webhooks.remove(position);
            }
            Ok(position) => webhooks[position].1 = event_types,
            Err(_) if event_types.is_empty() => {}
            Err(position) => webhooks.insert(position, (webhook, event_types)),
        }
        Self::from_sorted(webhooks)
    }

    fn from_sorted(webhooks: Vec<(WebhookId, EventTypeSet)>) -> Self {
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

    pub(super) fn webhooks(&self) -> usize {
        self.webhooks.len()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.by_type.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.webhooks.is_empty()
    }

    /// The memory behind the boxes, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.webhooks) + size_of_val(&*self.by_type)
    }
}
