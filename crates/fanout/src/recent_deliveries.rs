//! Deduplicates events: remembers recently published deliveries, so that an event published twice is sent once to each
//! webhook.
//!
//! It remembers deliveries and not events: an event that is published again on purpose, for a webhook that was not
//! there before, reaches it.

use std::collections::{HashSet, VecDeque};

use domain::DeliveryId;

/// Capacity; at 16 bytes each (and the set's overhead) some 6 MB.
const CAPACITY: usize = 100_000;

/// A bounded set of deliveries. Their ids are a cryptographic hash of event and webhook, so that an event cannot be
/// crafted to look like a duplicate of another.
#[derive(Debug)]
pub struct RecentDeliveries {
    capacity: usize,
    seen: HashSet<DeliveryId>,
    oldest_first: VecDeque<DeliveryId>,
}

impl Default for RecentDeliveries {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl RecentDeliveries {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            seen: HashSet::new(),
            oldest_first: VecDeque::new(),
        }
    }

    /// Remembers the delivery; true if it was remembered already.
    pub fn remember(&mut self, delivery: DeliveryId) -> bool {
        if !self.seen.insert(delivery) {
            return true;
        }
        if self.oldest_first.len() == self.capacity
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.oldest_first.push_back(delivery);
        false
    }

    /// Forgets deliveries that were not published after all.
    pub fn forget(&mut self, deliveries: impl Iterator<Item = DeliveryId>) {
        for delivery in deliveries {
            self.seen.remove(&delivery);
        }
        let seen = &self.seen;
        self.oldest_first.retain(|delivery| seen.contains(delivery));
    }
}

#[cfg(test)]
mod tests {
    use domain::WebhookId;

    use super::*;

    fn delivery(event: &str, webhook: WebhookId) -> DeliveryId {
        DeliveryId::derive(&"acme".parse().unwrap(), "/crm", event, webhook)
    }

    #[test]
    fn the_same_event_is_new_to_another_webhook() {
        let mut recent = RecentDeliveries::default();
        let first = WebhookId::generate();
        let second = WebhookId::generate();
        assert!(!recent.remember(delivery("1", first)));
        assert!(recent.remember(delivery("1", first)));
        assert!(!recent.remember(delivery("1", second)));
        assert!(!recent.remember(delivery("2", first)));
    }

    #[test]
    fn what_was_not_published_is_new_again() {
        let mut recent = RecentDeliveries::with_capacity(2);
        let webhook = WebhookId::generate();
        recent.remember(delivery("1", webhook));
        recent.remember(delivery("2", webhook));
        recent.forget([delivery("1", webhook)].into_iter());
        assert!(!recent.remember(delivery("1", webhook)));
        assert!(recent.remember(delivery("2", webhook)));
        assert_eq!((recent.seen.len(), recent.oldest_first.len()), (2, 2));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut recent = RecentDeliveries::with_capacity(2);
        let webhook = WebhookId::generate();
        for event in ["1", "2", "3"] {
            recent.remember(delivery(event, webhook));
        }
        assert!(recent.remember(delivery("3", webhook)));
        assert!(!recent.remember(delivery("1", webhook)));
        assert_eq!((recent.seen.len(), recent.oldest_first.len()), (2, 2));
    }
}
