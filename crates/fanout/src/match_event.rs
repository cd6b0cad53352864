//! The deliveries of an event: one for each webhook that matches it ([`crate::subscriptions`]), without those that were
//! published recently. Pure.

use domain::{DeliveryId, WebhookId};
use wire::CrmEvent;

use crate::recent_deliveries::RecentDeliveries;

/// The deliveries of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Match {
    /// No webhook subscribes to it, or none whose conditions hold.
    NoSubscriber,
    /// All its deliveries were published a moment ago.
    Duplicate,
    /// The new ones, each with its webhook. They are remembered from now on.
    Deliveries(Vec<(WebhookId, DeliveryId)>),
}

/// `webhooks` are the ones that subscribe to the event's type and whose conditions hold.
pub fn match_event(event: &CrmEvent<'_>, webhooks: &[WebhookId], recent: &mut RecentDeliveries) -> Match {
    if webhooks.is_empty() {
        return Match::NoSubscriber;
    }
    let deliveries: Vec<_> = webhooks
        .iter()
        .map(|webhook| {
            (
                *webhook,
                DeliveryId::derive(&event.account, &event.source, &event.id, *webhook),
            )
        })
        .filter(|(_, delivery)| !recent.remember(*delivery))
        .collect();
    if deliveries.is_empty() {
        Match::Duplicate
    } else {
        Match::Deliveries(deliveries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &'static str) -> CrmEvent<'static> {
        CrmEvent {
            id: id.into(),
            source: "/crm".into(),
            event_type: "deal.created".into(),
            time: None,
            subject: None,
            account: "acme".parse().unwrap(),
            traceparent: None,
            actor: None,
            data: "{}".into(),
        }
    }

    #[test]
    fn an_event_published_twice_is_delivered_once_to_each_webhook() {
        let mut recent = RecentDeliveries::default();
        let first = WebhookId::generate();
        let later = WebhookId::generate();
        let webhooks = |matched: Match| match matched {
            Match::Deliveries(deliveries) => deliveries.into_iter().map(|(webhook, _)| webhook).collect(),
            Match::NoSubscriber | Match::Duplicate => Vec::new(),
        };
        assert_eq!(match_event(&event("1"), &[], &mut recent), Match::NoSubscriber);
        assert_eq!(webhooks(match_event(&event("1"), &[first], &mut recent)), [first]);
        assert_eq!(match_event(&event("1"), &[first], &mut recent), Match::Duplicate);
        assert_eq!(
            webhooks(match_event(&event("1"), &[first, later], &mut recent)),
            [later]
        );
        assert_eq!(
            webhooks(match_event(&event("2"), &[first, later], &mut recent)),
            [first, later]
        );
    }
}
