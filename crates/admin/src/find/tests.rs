use domain::DeliveryState;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_413_600 + second).unwrap()
}

fn delivery(event_id: &str, second: i64) -> Delivery {
    let webhook = WebhookId::generate();
    Delivery {
        id: DeliveryId::derive(&AccountName::default_account(), "/crm", event_id, webhook),
        webhook,
        event_id: event_id.to_owned(),
        event_type: "deal.won".to_owned(),
        subject: Some("deals/9001".to_owned()),
        state: DeliveryState::Delivered,
        test: false,
        attempts: 1,
        http_status: Some(200),
        error: None,
        response_time_ms: Some(12),
        created_at: at(second),
        updated_at: at(second),
        next_attempt_at: None,
    }
}

fn refused(text: &str) -> Vec<(String, &'static str)> {
    let form = FindForm {
        text: text.to_owned(),
        event_type: None,
    };
    match checked(form) {
        Err(AdminError::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_text_to_search_for_is_short_and_has_no_control_characters() {
    for text in ["deals/9001", " 9001 ", &"x".repeat(255), "Ünïcode", "100%_\\"] {
        assert_eq!(refused(text), [], "{text}");
    }
    for (text, code) in [
        ("", "required"),
        (" \u{a0}", "required"),
        (&*"é".repeat(128), "too_long"),
        ("a\0b", "forbidden_character"),
        ("a\nb", "forbidden_character"),
    ] {
        assert_eq!(refused(text), [("/q".to_owned(), code)], "{text:?}");
    }
}

#[test]
fn deliveries_are_gathered_by_event() {
    let test = Delivery {
        test: true,
        ..delivery("a", 7)
    };
    let other_type = Delivery {
        event_type: "deal.lost".to_owned(),
        ..delivery("a", 5)
    };
    let deliveries = [delivery("b", 9), test, delivery("a", 6), other_type, delivery("a", 4)];
    let sizes: Vec<_> = by_event(&deliveries)
        .iter()
        .map(|event| (event[0].event_id.as_str(), event.len()))
        .collect();
    assert_eq!(sizes, [("b", 1), ("a", 1), ("a", 2), ("a", 1)]);
}

#[test]
fn an_event_is_shown_whole_or_not_at_all() {
    let mut deliveries = vec![delivery("new", 9), delivery("new", 9)];
    deliveries.extend((2..MAX_DELIVERIES).map(|_| delivery("old", 1)));
    assert_eq!(by_event(&deliveries).len(), 1);
    deliveries.pop();
    assert_eq!(by_event(&deliveries).len(), 2);
    let many: Vec<_> = (0..30)
        .map(|number| delivery(&format!("e{number}"), 100 - number))
        .collect();
    assert_eq!(by_event(&many).len(), MAX_FOUND_EVENTS);
}

#[test]
fn every_webhook_of_today_has_a_verdict() {
    let deliveries = [delivery("a", 0), delivery("a", 0)];
    let webhook = |id, name: &str| WebhookOutline {
        id,
        name: name.to_owned(),
        conditions: domain::Conditions::default(),
        facts: domain::verdict::WebhookFacts {
            event_types: domain::EventTypeSet::EMPTY,
            paused_at: None,
            created_at: at(-10),
            updated_at: at(-10),
        },
    };
    let webhooks = [
        webhook(deliveries[0].webhook, "ERP Sync"),
        webhook(WebhookId::generate(), "Billing"),
    ];
    let found = found_event(&[&deliveries[0], &deliveries[1]], &webhooks, &[], None);
    let verdicts: Vec<_> = found
        .webhooks
        .iter()
        .map(|webhook| (webhook.name.as_deref(), webhook.verdict(), webhook.delivery.is_some()))
        .collect();
    let expected = [
        (None, Verdict::Delivered, true),
        (Some("ERP Sync"), Verdict::Delivered, true),
        (Some("Billing"), Verdict::NotSubscribed, false),
    ];
    assert_eq!(verdicts, expected);
    let test = Delivery {
        test: true,
        ..delivery("a", 0)
    };
    assert_eq!(found_event(&[&test], &webhooks, &[], None).webhooks.len(), 1);
}
