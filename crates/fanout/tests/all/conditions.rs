//! Which webhooks an event reaches, from its message to its deliveries.

use domain::{AccountName, Condition, Conditions, EventType, EventTypeSet, SubscriptionIndex, WebhookId};
use fanout::match_event::{Match, match_event};
use fanout::recent_deliveries::RecentDeliveries;
use wire::cloud_event::{self, EventMessage};

fn account() -> AccountName {
    "acme".parse().unwrap()
}

fn only(field: &str, op: &str, value: &str) -> Conditions {
    [Condition::parse(field, op, Some(value)).unwrap()]
        .into_iter()
        .collect()
}

/// The webhooks that get a message.
fn reached(index: &SubscriptionIndex, event_type: &str, extension: &str, data: &str) -> Vec<WebhookId> {
    let message = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/crm","type":"{event_type}","account":"acme"{extension},"data":{data}}}"#
    );
    let event = cloud_event::decode(&EventMessage::structured(message.as_bytes())).unwrap();
    let event_type = EventType::parse(&event.event_type).unwrap();
    let selection = index.select(event.account.as_str(), event_type, &event.data, event.actor.as_deref());
    match match_event(&event, &selection.webhooks, &mut RecentDeliveries::default()) {
        Match::Deliveries(deliveries) => deliveries.into_iter().map(|(webhook, _)| webhook).collect(),
        Match::NoSubscriber | Match::Duplicate => Vec::new(),
    }
}

#[test]
fn a_webhook_gets_only_events_for_which_its_conditions_hold() {
    let mut index = SubscriptionIndex::default();
    let [large, foreign] = [(); 2].map(|()| WebhookId::generate());
    let won = [EventType::parse("deal.won").unwrap()].into_iter().collect();
    index.upsert(&account(), large, won, only("amount", "gt", "1000"));
    index.upsert(&account(), foreign, won, only("actor", "actor_ne", "int_7"));
    assert_eq!(
        reached(&index, "deal.won", "", r#"{"amount":"1000.01"}"#),
        [large, foreign]
    );
    let own = r#","actor":"int_7""#;
    assert_eq!(reached(&index, "deal.won", own, r#"{"amount":1e3}"#), []);
    assert_eq!(reached(&index, "deal.won", own, r#"{"amount":1.1e3}"#), [large]);
    for data in ["null", "[1001]", "1001", "\"1001\""] {
        assert_eq!(reached(&index, "deal.won", "", data), [foreign], "{data}");
    }
}

#[test]
fn a_webhook_for_every_event_gets_each_type() {
    let mut index = SubscriptionIndex::default();
    let all = WebhookId::generate();
    index.upsert(&account(), all, EventTypeSet::EVERY, Conditions::default());
    for event_type in EventType::all() {
        assert_eq!(reached(&index, event_type.name(), "", "{}"), [all], "{event_type}");
    }
}
