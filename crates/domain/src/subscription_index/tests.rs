use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::conditions::Condition;

fn account(number: u8) -> AccountName {
    AccountName::parse(&format!("account-{number}")).unwrap()
}

fn webhook(number: u8) -> WebhookId {
    WebhookId(Uuid::from_u128(u128::from(number)))
}

fn types(names: &[&str]) -> EventTypeSet {
    names.iter().map(|name| EventType::parse(name).unwrap()).collect()
}

fn won() -> EventType {
    EventType::parse("deal.won").unwrap()
}

#[test]
fn an_empty_index_matches_nothing() {
    let index = SubscriptionIndex::default();
    assert!(index.matching("acme", won()).is_empty());
    assert_eq!((index.webhooks(), index.subscriptions()), (0, 0));
}

#[test]
fn matches_by_account_and_type() {
    let index: SubscriptionIndex = [
        (account(1), webhook(2), types(&["deal.won", "invoice.paid"])),
        (account(1), webhook(1), types(&["deal.won"])),
        (account(1), webhook(3), types(&["task.completed"])),
        (account(2), webhook(4), types(&["deal.won"])),
    ]
    .into_iter()
    .collect();
    assert_eq!(index.matching("account-1", won()), [webhook(1), webhook(2)]);
    assert_eq!(index.matching("account-2", won()), [webhook(4)]);
    assert_eq!(
        index.matching("account-1", EventType::parse("invoice.paid").unwrap()),
        [webhook(2)]
    );
    assert!(
        index
            .matching("account-2", EventType::parse("invoice.paid").unwrap())
            .is_empty()
    );
    assert!(index.matching("account-3", won()).is_empty());
    assert!(index.matching("Account-1", won()).is_empty());
    assert_eq!((index.webhooks(), index.subscriptions()), (4, 5));
}

#[test]
fn of_two_equal_webhooks_the_later_counts() {
    let index: SubscriptionIndex = [
        (account(1), webhook(1), types(&["deal.won"])),
        (account(1), webhook(1), types(&["deal.lost"])),
        (account(1), webhook(2), types(&["deal.won"])),
        (account(1), webhook(2), EventTypeSet::EMPTY),
    ]
    .into_iter()
    .collect();
    assert!(index.matching("account-1", won()).is_empty());
    assert_eq!((index.webhooks(), index.subscriptions()), (1, 1));
}

#[test]
fn a_snapshot_does_not_see_later_changes() {
    let mut index = SubscriptionIndex::default();
    index.upsert(&account(1), webhook(1), types(&["deal.won"]), Conditions::default());
    let snapshot = index.clone();
    index.upsert(&account(1), webhook(2), types(&["deal.won"]), Conditions::default());
    index.remove(&account(1), webhook(1));
    assert_eq!(snapshot.matching("account-1", won()), [webhook(1)]);
    assert_eq!(index.matching("account-1", won()), [webhook(2)]);
}

#[test]
fn an_account_without_webhooks_takes_no_room() {
    let mut index = SubscriptionIndex::default();
    index.upsert(&account(1), webhook(1), types(&["deal.won"]), Conditions::default());
    index.remove(&account(1), webhook(1));
    index.remove(&account(2), webhook(1));
    assert!(index.shards.iter().all(|shard| shard.is_empty()));
    assert_eq!((index.webhooks(), index.subscriptions()), (0, 0));
}

fn above(amount: &str) -> Conditions {
    [Condition::parse("amount", "gt", Some(amount)).unwrap()]
        .into_iter()
        .collect()
}

#[test]
fn conditions_rule_webhooks_out() {
    let mut index = SubscriptionIndex::default();
    index.upsert(&account(1), webhook(1), types(&["deal.won"]), Conditions::default());
    index.upsert(&account(1), webhook(2), types(&["deal.won"]), above("1000"));
    index.upsert(&account(1), webhook(3), types(&["deal.lost"]), above("1000"));
    let select = |index: &SubscriptionIndex, amount: u32| {
        index.select("account-1", won(), &format!("{{\"amount\":{amount}}}"), None)
    };
    let selection = |webhooks: &[u8], skipped| Selection {
        webhooks: webhooks.iter().map(|number| webhook(*number)).collect(),
        skipped,
    };
    assert_eq!(select(&index, 1001), selection(&[1, 2], 0));
    assert_eq!(select(&index, 1000), selection(&[1], 1));
    assert_eq!(index.matching("account-1", won()), [webhook(1), webhook(2)]);
    index.upsert(&account(1), webhook(2), types(&["deal.won"]), above("10"));
    assert_eq!(select(&index, 11), selection(&[1, 2], 0));
    index.upsert(&account(1), webhook(2), types(&["deal.won"]), Conditions::default());
    assert_eq!(select(&index, 1), selection(&[1, 2], 0));
    assert_eq!(index.select("nobody", won(), "{}", None), Selection::default());
}

#[test]
fn a_bulk_load_keeps_the_conditions_of_the_later_of_two() {
    let mut builder = SubscriptionIndex::builder();
    builder.add(account(1), webhook(1), types(&["deal.won"]), above("1000"));
    builder.add(account(1), webhook(1), types(&["deal.won"]), above("10"));
    builder.add(account(1), webhook(2), types(&["deal.won"]), above("1000"));
    builder.add(account(1), webhook(2), types(&["deal.won"]), Conditions::default());
    let index = builder.build();
    let selection = index.select("account-1", won(), r#"{"amount":"11"}"#, None);
    assert_eq!(selection.webhooks, [webhook(1), webhook(2)]);
}

#[test]
fn a_webhook_for_every_type_matches_each() {
    let index: SubscriptionIndex = [(account(1), webhook(1), EventTypeSet::EVERY)].into_iter().collect();
    assert!(EventType::all().all(|event_type| index.matching("account-1", event_type) == [webhook(1)]));
    assert_eq!(index.subscriptions(), EventType::COUNT);
}

/// The reference model.
type Model = BTreeMap<(AccountName, WebhookId), EventTypeSet>;

fn assert_agrees(index: &SubscriptionIndex, model: &Model) {
    let model: Model = model
        .iter()
        .filter(|(_, set)| !set.is_empty())
        .map(|(key, set)| (key.clone(), *set))
        .collect();
    assert_eq!(index.webhooks(), model.len());
    assert_eq!(
        index.subscriptions(),
        model.values().map(|event_types| event_types.len()).sum::<usize>()
    );
    for (number, event_type) in (0..4).flat_map(|number| EventType::all().map(move |event_type| (number, event_type))) {
        let account = account(number);
        let expected: Vec<_> = model
            .iter()
            .filter(|((owner, _), event_types)| *owner == account && event_types.contains(event_type))
            .map(|((_, webhook), _)| *webhook)
            .collect();
        assert_eq!(index.matching(account.as_str(), event_type), expected);
    }
}

proptest! {
    #[test]
    fn agrees_with_a_plain_map(changes in proptest::collection::vec((0_u8..4, 0_u8..6, any::<u32>(), 0_u8..4), 0..60)) {
        let mut index = SubscriptionIndex::default();
        let mut model = Model::new();
        for (owner, id, bits, choice) in changes {
            if choice == 0 {
                index.remove(&account(owner), webhook(id));
                model.remove(&(account(owner), webhook(id)));
            } else {
                let event_types = if choice == 1 { EventTypeSet::EMPTY } else { EventTypeSet::from_bits(bits) };
                index.upsert(&account(owner), webhook(id), event_types, Conditions::default());
                model.insert((account(owner), webhook(id)), event_types);
            }
        }
        assert_agrees(&index, &model);
        let loaded = model.iter().map(|((account, webhook), types)| (account.clone(), *webhook, *types)).collect();
        assert_agrees(&loaded, &model);
    }
}
