use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The catalogue's order is part of the storage format: this list may only grow at its end.
const STORED_ORDER: [&str; 20] = [
    "contact.created",
    "contact.updated",
    "contact.deleted",
    "contact.merged",
    "company.created",
    "company.updated",
    "lead.created",
    "lead.assigned",
    "lead.converted",
    "opportunity.created",
    "opportunity.stage_changed",
    "deal.won",
    "deal.lost",
    "quote.accepted",
    "invoice.issued",
    "invoice.paid",
    "invoice.overdue",
    "ticket.created",
    "ticket.resolved",
    "task.completed",
];

#[test]
fn the_order_is_stable() {
    let names: Vec<_> = EventType::all().map(EventType::name).collect();
    assert_eq!(names[..STORED_ORDER.len()], STORED_ORDER);
}

#[test]
fn every_name_parses_to_its_type() {
    for event_type in EventType::all() {
        assert_eq!(EventType::parse(event_type.name()), Some(event_type));
        assert_eq!(event_type.to_string().parse(), Ok(event_type));
    }
}

#[test]
fn what_is_no_type() {
    for name in [
        "",
        "deal",
        "deal.",
        "deal.won ",
        "Deal.won",
        "deal.wonx",
        "webhook.test",
        "*",
        "#",
        "deal.*",
    ] {
        assert_eq!(EventType::parse(name), None, "{name:?}");
    }
    assert_eq!("x".parse::<EventType>().unwrap_err().to_string(), "unknown event type");
}

/// CloudEvents `type`, AMQP routing key and Standard Webhooks event type at once.
#[test]
fn names_have_the_agreed_form() {
    for name in EventType::all().map(EventType::name) {
        let segments: Vec<_> = name.split('.').collect();
        assert!(segments.len() >= 2, "{name}");
        for segment in segments {
            assert!(segment.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
            assert!(
                segment.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')),
                "{name}"
            );
        }
    }
}

#[test]
fn groups_stand_together() {
    let mut groups: Vec<_> = EventType::all().map(EventType::group).collect();
    groups.dedup();
    let count = groups.len();
    groups.sort_unstable();
    groups.dedup();
    assert_eq!(groups.len(), count, "a group is interrupted by another");
}

#[test]
fn titles_are_distinct_and_versions_start_at_one() {
    let titles: std::collections::HashSet<_> = EventType::all().map(EventType::title).collect();
    assert_eq!(titles.len(), EventType::COUNT);
    assert!(EventType::all().all(|event_type| event_type.version() >= 1));
}

#[test]
fn examples_are_compact_objects_with_an_id() {
    for event_type in EventType::all() {
        let text = event_type.example_data();
        let data: Value = serde_json::from_str(text).unwrap();
        assert!(data["id"].is_string(), "{event_type}");
        assert_eq!(
            data.to_string().len(),
            text.len(),
            "{event_type}: white space between tokens"
        );
        assert!(text.len() < 4096, "{event_type}");
    }
}

#[test]
fn sets() {
    let [won, paid] = ["deal.won", "invoice.paid"].map(|name| EventType::parse(name).unwrap());
    let mut set = EventTypeSet::EMPTY;
    assert!(set.is_empty());
    assert!(set.insert(paid));
    assert!(set.insert(won));
    assert!(!set.insert(won));
    assert_eq!(set.iter().collect::<Vec<_>>(), [won, paid]);
    assert_eq!(
        (
            set.len(),
            set.contains(won),
            set.contains(EventType::parse("deal.lost").unwrap())
        ),
        (2, true, false)
    );
    assert_eq!(format!("{set:?}"), r#"{"deal.won", "invoice.paid"}"#);
    assert_eq!(set.bits(), 1 << 11 | 1 << 15);
    assert_eq!(EventTypeSet::ALL, EventType::all().collect());
    assert_eq!(EventTypeSet::ALL.len(), EventType::COUNT);
}

#[test]
fn every_type_is_more_than_all_there_are() {
    let every = EventTypeSet::EVERY;
    assert!(every != EventTypeSet::ALL && every.is_every() && !EventTypeSet::ALL.is_every());
    assert!(EventType::all().all(|event_type| every.contains(event_type)));
    assert_eq!(
        (every.len(), every.iter().count()),
        (EventType::COUNT, EventType::COUNT)
    );
    assert_eq!(every.names(), ["*"]);
    assert_eq!(EventTypeSet::ALL.names().len(), EventType::COUNT);
    // A set that a shorter catalogue stored has the types of a longer one.
    assert_eq!(EventTypeSet::from_bits(1 << 31 | 1), every);
}

proptest! {
    #[test]
    fn stored_sets_round_trip(bits: u32) {
        let set = EventTypeSet::from_bits(bits);
        prop_assert_eq!(EventTypeSet::from_bits(set.bits()), set);
        prop_assert!(set.is_every() || set.iter().collect::<EventTypeSet>() == set);
        prop_assert_eq!(set.iter().count(), set.len());
    }

    #[test]
    fn no_name_panics(name: String) {
        prop_assert_eq!(EventType::parse(&name).map(EventType::name), STORED_ORDER.into_iter().find(|it| *it == name));
    }
}
