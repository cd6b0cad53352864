//! The webhooks that get an event.

use std::cell::LazyCell;

use crate::conditions::{Conditions, EventData};
use crate::ids::WebhookId;

/// The webhooks that get an event, and how many do not because of their conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Those that get it, in the order of their ids.
    pub webhooks: Vec<WebhookId>,
    /// The number of webhooks that subscribe to its type and have a condition that does not hold.
    pub skipped: usize,
}

impl Selection {
    /// From the webhooks that subscribe to the event's type, and those that have conditions, both sorted by id.
    pub(super) fn new(
        subscribed: &[WebhookId],
        conditions: &[(WebhookId, Conditions)],
        data: &str,
        actor: Option<&str>,
    ) -> Self {
        if conditions.is_empty() {
            return Self {
                webhooks: subscribed.to_vec(),
                skipped: 0,
            };
        }
        let data = LazyCell::new(|| EventData::parse(data));
        let gets_it = |webhook: &WebhookId| match conditions.binary_search_by_key(webhook, |(webhook, _)| *webhook) {
            Ok(position) => conditions[position].1.first_false(&data, actor).is_none(),
            Err(_) => true,
        };
        let webhooks: Vec<_> = subscribed.iter().copied().filter(gets_it).collect();
        Self {
            skipped: subscribed.len() - webhooks.len(),
            webhooks,
        }
    }
}
