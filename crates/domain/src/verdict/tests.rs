use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn delivery(state: DeliveryState) -> DeliveryFacts<'static> {
    DeliveryFacts {
        state,
        test: false,
        attempts: 2,
        http_status: Some(200),
        error: None,
        updated_at: at("2026-11-03T10:03:12.9Z"),
        next_attempt_at: None,
    }
}

fn webhook() -> WebhookFacts {
    WebhookFacts {
        event_types: [EventType::parse("deal.won").unwrap()].into_iter().collect(),
        paused_at: None,
        created_at: at("2026-11-01T00:00:00Z"),
        updated_at: at("2026-11-01T00:00:00Z"),
    }
}

#[track_caller]
fn check(finding: &Finding, verdict: Verdict, detail: &str) {
    assert_eq!((finding.verdict, finding.detail.as_str()), (verdict, detail));
}

#[test]
fn a_delivery_is_judged_by_its_state() {
    let of = |delivery| of_delivery(&delivery, Some(&webhook()));
    check(
        &of(delivery(DeliveryState::Delivered)),
        Verdict::Delivered,
        "HTTP 200 on the 2nd attempt at 2026-11-03T10:03:12Z",
    );
    let retrying = DeliveryFacts {
        attempts: 1,
        http_status: Some(503),
        next_attempt_at: Some(at("2026-11-03T10:04:12Z")),
        ..delivery(DeliveryState::Retrying)
    };
    check(
        &of(retrying),
        Verdict::Retrying,
        "HTTP 503 on the 1st attempt; the next attempt is due at 2026-11-03T10:04:12Z",
    );
    let failed = DeliveryFacts {
        attempts: 4,
        http_status: None,
        error: Some("timeout"),
        ..delivery(DeliveryState::Failed)
    };
    check(
        &of(failed),
        Verdict::Failed,
        "No HTTP response (timeout) on the 4th attempt at 2026-11-03T10:03:12Z; no further automatic attempt is made",
    );
    let queued = DeliveryFacts {
        attempts: 0,
        http_status: None,
        ..delivery(DeliveryState::Queued)
    };
    check(&of(queued), Verdict::Queued, "It waits for its first attempt");
    let test = DeliveryFacts {
        test: true,
        attempts: 1,
        ..delivery(DeliveryState::Delivered)
    };
    check(
        &of(test),
        Verdict::Delivered,
        "Test delivery: HTTP 200 on the 1st attempt at 2026-11-03T10:03:12Z",
    );
}

#[test]
fn a_held_delivery_waits_for_its_webhook() {
    let held = delivery(DeliveryState::Held);
    let paused = WebhookFacts {
        paused_at: Some(at("2026-11-02T17:40:00Z")),
        ..webhook()
    };
    check(
        &of_delivery(&held, Some(&paused)),
        Verdict::Held,
        "Paused since 2026-11-02T17:40:00Z; sent when the webhook is resumed",
    );
    let resumed = of_delivery(&held, Some(&webhook()));
    assert!(resumed.detail.contains("has been resumed"), "{}", resumed.detail);
}

#[test]
fn a_deleted_webhook_ends_only_what_had_not_ended() {
    for state in [DeliveryState::Queued, DeliveryState::Held, DeliveryState::Retrying] {
        assert_eq!(of_delivery(&delivery(state), None).verdict, Verdict::WebhookDeleted);
    }
    for (state, verdict) in [
        (DeliveryState::Delivered, Verdict::Delivered),
        (DeliveryState::Failed, Verdict::Failed),
    ] {
        assert_eq!(of_delivery(&delivery(state), None).verdict, verdict);
    }
    let failed_by_deletion = DeliveryFacts {
        error: Some(WEBHOOK_DELETED),
        ..delivery(DeliveryState::Failed)
    };
    assert_eq!(of_delivery(&failed_by_deletion, None).verdict, Verdict::WebhookDeleted);
}

#[test]
fn without_a_delivery_the_webhook_of_today_says_why() {
    let accepted_at = at("2026-11-03T10:02:11Z");
    let of = |event_type, webhook| without_delivery(event_type, accepted_at, &webhook, Judgement::Holds);
    let newer = WebhookFacts {
        created_at: at("2026-11-03T10:30:00Z"),
        updated_at: at("2026-11-03T10:30:00Z"),
        ..webhook()
    };
    check(
        &of("deal.won", newer),
        Verdict::WebhookNewer,
        "Added at 2026-11-03T10:30:00Z, after the event",
    );
    for event_type in ["deal.lost", "contract.signed"] {
        let finding = of(event_type, webhook());
        assert_eq!(finding.verdict, Verdict::NotSubscribed);
        assert_eq!(finding.detail, format!("{event_type} is not among its event types"));
    }
    let edited = WebhookFacts {
        updated_at: at("2026-11-03T11:30:00Z"),
        ..webhook()
    };
    let finding = of("deal.won", edited);
    assert_eq!(finding.verdict, Verdict::NotSubscribed);
    assert!(
        finding.detail.contains("edited at 2026-11-03T11:30:00Z"),
        "{}",
        finding.detail
    );
    let large = Condition::parse("amount", "gt", Some("1000")).unwrap();
    let compared = |event_type, webhook| without_delivery(event_type, accepted_at, &webhook, Judgement::False(&large));
    check(
        &compared("deal.won", webhook()),
        Verdict::ConditionFalse,
        "Its condition does not hold: amount is greater than 1000",
    );
    check(
        &compared("deal.won", edited),
        Verdict::ConditionFalse,
        "Its condition does not hold: amount is greater than 1000; it was edited at 2026-11-03T11:30:00Z, after the event",
    );
    let theirs = Condition::parse("actor", "actor_ne", Some("int_7")).unwrap();
    check(
        &without_delivery("deal.won", accepted_at, &webhook(), Judgement::Unknown(&theirs)),
        Verdict::ConditionFalse,
        "Its condition may not have held: the event was not caused by int_7; the log does not say who caused an event",
    );
    assert_eq!(compared("deal.lost", webhook()).verdict, Verdict::NotSubscribed);
    assert_eq!(compared("deal.won", newer).verdict, Verdict::WebhookNewer);
    check(
        &of("deal.won", webhook()),
        Verdict::Queued,
        "No attempt has ended yet: its job is on the way to a sender, or was rejected",
    );
}

#[test]
fn an_event_would_reach_the_webhooks_that_subscribe_to_its_type() {
    let won = EventType::parse("deal.won").unwrap();
    let lost = EventType::parse("deal.lost").unwrap();
    let text = |outlook: Outlook| format!("{}: {}", outlook.would_get, outlook.why);
    assert_eq!(
        text(outlook(won, &webhook(), Judgement::Holds)),
        "true: deal.won is among its event types"
    );
    assert_eq!(
        text(outlook(lost, &webhook(), Judgement::Holds)),
        "false: deal.lost is not among its event types"
    );
    let paused = WebhookFacts {
        paused_at: Some(at("2026-11-02T17:40:00Z")),
        ..webhook()
    };
    let theirs = Condition::parse("actor", "actor_ne", Some("int_7")).unwrap();
    for webhook in [webhook(), paused] {
        assert_eq!(
            text(outlook(won, &webhook, Judgement::False(&theirs))),
            "false: Its condition does not hold: the event was not caused by int_7"
        );
    }
    let paused = text(outlook(won, &paused, Judgement::Holds));
    assert!(
        paused.starts_with("true: ") && paused.contains("paused since 2026-11-02T17:40:00Z"),
        "{paused}"
    );
}

#[test]
fn ordinals() {
    let written = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal);
    assert_eq!(
        written,
        [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
        ]
    );
}
