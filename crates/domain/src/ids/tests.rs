use proptest::prelude::*;

use super::*;

const WEBHOOK: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn account(name: &str) -> AccountName {
    AccountName::parse(name).unwrap()
}

fn derived(account_name: &str, source: &str, event_id: &str) -> DeliveryId {
    DeliveryId::derive(&account(account_name), source, event_id, WEBHOOK.parse().unwrap())
}

/// Computed with Python's `hashlib`. Receivers and stored rows hold such ids: the derivation never changes.
#[test]
fn golden_delivery_id() {
    assert_eq!(
        derived("acme", "/crm/deals", "evt_1").to_string(),
        "msg_5c138df68a99246a75161fd4d6b14bb8"
    );
}

#[test]
fn every_field_makes_another_delivery() {
    let base = derived("acme", "/crm/deals", "evt_1");
    assert_eq!(base, derived("acme", "/crm/deals", "evt_1"));
    assert_ne!(base, derived("acme2", "/crm/deals", "evt_1"));
    assert_ne!(base, derived("acme", "/crm/deal", "evt_1"));
    assert_ne!(base, derived("acme", "/crm/deals", "evt_2"));
    assert_ne!(
        base,
        DeliveryId::derive(&account("acme"), "/crm/deals", "evt_1", WebhookId(Uuid::nil()))
    );
}

#[test]
fn fields_do_not_run_into_each_other() {
    assert_ne!(derived("acme", "ab", "c"), derived("acme", "a", "bc"));
    assert_ne!(derived("acme", "abc", ""), derived("acme", "", "abc"));
    assert_ne!(derived("a", "bc", "d"), derived("ab", "c", "d"));
}

#[test]
fn delivery_ids_have_one_spelling() {
    let id = "msg_5c138df68a99246a75161fd4d6b14bb8";
    assert_eq!(id.parse::<DeliveryId>().unwrap().to_string(), id);
    for text in [
        "",
        "msg_",
        "5c138df68a99246a75161fd4d6b14bb8",
        "msg_5C138DF68A99246A75161FD4D6B14BB8",
        "MSG_5c138df68a99246a75161fd4d6b14bb8",
        "msg_5c138df68a99246a75161fd4d6b14bb",
        "msg_5c138df68a99246a75161fd4d6b14bb80",
        "msg_5c138df6-8a99-246a-7516-1fd4d6b14bb8",
        "msg_5c138df68a99246a75161fd4d6b14bbg",
        " msg_5c138df68a99246a75161fd4d6b14bb8",
    ] {
        assert_eq!(text.parse::<DeliveryId>(), Err(IdError::Delivery), "{text:?}");
    }
}

#[test]
fn webhook_ids_are_hyphenated() {
    assert_eq!(WEBHOOK.parse::<WebhookId>().unwrap().to_string(), WEBHOOK);
    assert_eq!(
        WEBHOOK.to_uppercase().parse::<WebhookId>().unwrap().to_string(),
        WEBHOOK
    );
    for text in [
        String::new(),
        WEBHOOK.replace('-', ""),
        format!("{{{WEBHOOK}}}"),
        format!("urn:uuid:{WEBHOOK}"),
        format!("{WEBHOOK} "),
        "x".repeat(36),
    ] {
        assert_eq!(text.parse::<WebhookId>(), Err(IdError::Webhook), "{text:?}");
    }
}

#[test]
fn generated_webhook_ids_are_ordered_by_time() {
    let ids: Vec<_> = (0..100).map(|_| WebhookId::generate()).collect();
    assert!(ids.is_sorted_by(|earlier, later| earlier < later));
    assert!(ids.iter().all(|id| id.0.get_version_num() == 7));
}

#[test]
fn account_names() {
    for name in ["a", "acme", "Acme_Ltd.42", "!~", &"x".repeat(128)] {
        assert_eq!(account(name).as_str(), name);
    }
    for name in [
        "",
        " ",
        "a b",
        "acme ",
        "a\tb",
        "a\0b",
        "a\u{7f}",
        "zoë",
        &"x".repeat(129),
    ] {
        assert_eq!(AccountName::parse(name), Err(IdError::Account), "{name:?}");
    }
    assert_eq!(AccountName::default_account(), account("default"));
}

proptest! {
    #[test]
    fn delivery_ids_round_trip(bytes: [u8; 16]) {
        let id = DeliveryId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(DeliveryId::from(id.as_uuid()), id);
        prop_assert_eq!(id.as_bytes(), &bytes);
        prop_assert_eq!(id.to_string().len(), 36);
    }

    #[test]
    fn webhook_ids_round_trip(number: u128) {
        let id = WebhookId(Uuid::from_u128(number));
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn account_names_round_trip(name in "[!-~]{1,128}") {
        let account = account(&name);
        prop_assert_eq!(account.to_string(), name);
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = (text.parse::<DeliveryId>(), text.parse::<WebhookId>(), text.parse::<AccountName>());
        let _ = format!("msg_{text}").parse::<DeliveryId>();
    }
}
