//! Each violation is found, and a good run has none.

use super::*;
use crate::random::facts::{Accepted, Consumers, Received};

const BOUNDS: Bounds = Bounds {
    repeats_percent: 5.0,
    calm_p99: Duration::from_secs(2),
    memory_mib: 300,
};
const EVENTS: usize = 200;

/// A healthy webhook, a moody one, and everything as it should be.
fn good() -> Facts {
    let webhook = |nature| Webhook {
        account: "a",
        event_type: "deal.won",
        nature,
        status: "active".into(),
    };
    let mut facts = Facts {
        webhooks: vec![webhook(Nature::Healthy), webhook(Nature::Moody)],
        ..Facts::default()
    };
    for number in 0..EVENTS {
        let (event, at) = (format!("e-{number}"), Duration::from_millis(number as u64));
        facts.accepted.push(Accepted {
            event: event.clone(),
            account: "a",
            event_type: "deal.won",
            at,
            calm: true,
        });
        for webhook in 0..2 {
            let (state, outcomes) = ("delivered".to_owned(), vec!["success".to_owned()]);
            facts.logged.push(Logged {
                webhook,
                event: event.clone(),
                state,
                outcomes,
            });
            let webhook_id = format!("msg_{webhook}_{number}");
            facts.received.push(Received {
                webhook,
                event: event.clone(),
                webhook_id,
                at: at + Duration::from_millis(9),
            });
        }
    }
    facts.peak_memory_mib = vec![("sender 0".into(), 100)];
    facts.consumers = vec![Consumers {
        queue: "webhooks.events".into(),
        expected: 2,
        found: Some(2),
    }];
    facts.left_in_queues = vec![("webhooks.unroutable".into(), 0)];
    facts
}

fn violations(change: impl FnOnce(&mut Facts)) -> Vec<Violation> {
    let mut facts = good();
    change(&mut facts);
    check(&facts, &BOUNDS)
}

fn logged(facts: &mut Facts, webhook: usize) -> &mut Logged {
    facts
        .logged
        .iter_mut()
        .find(|logged| logged.webhook == webhook && logged.event == "e-7")
        .unwrap()
}

fn fail(facts: &mut Facts, webhook: usize, outcome: &str) {
    let logged = logged(facts, webhook);
    (logged.state, logged.outcomes) = ("failed".into(), vec![outcome.into()]);
}

#[test]
fn a_good_run_has_no_violation() {
    assert_eq!(violations(|_| ()), []);
}

#[test]
fn a_delivery_that_is_in_no_log_is_lost() {
    let lost = |webhook| Violation::Lost {
        webhook,
        event: "e-7".into(),
    };
    let forget = |facts: &mut Facts| facts.logged.retain(|logged| logged.event != "e-7");
    assert_eq!(violations(forget), [lost(0), lost(1)]);
}

#[test]
fn what_nobody_listens_to_is_not_expected() {
    let other = Accepted {
        event: "x".into(),
        account: "b",
        event_type: "deal.won",
        at: Duration::ZERO,
        calm: true,
    };
    assert_eq!(violations(|facts| facts.accepted.push(other)), []);
}

#[test]
fn a_delivery_that_still_waits_is_not_settled() {
    let unsettled = Violation::Unsettled {
        webhook: 1,
        event: "e-7".into(),
        state: "held".into(),
    };
    assert_eq!(violations(|facts| logged(facts, 1).state = "held".into()), [unsettled]);
}

#[test]
fn a_delivery_must_have_been_seen_by_the_receiver() {
    let unseen = |facts: &mut Facts| {
        facts
            .received
            .retain(|it| (it.webhook, it.event.as_str()) != (0, "e-7"))
    };
    assert_eq!(
        violations(unseen),
        [Violation::NeverSeen {
            webhook: 0,
            event: "e-7".into()
        }]
    );
}

#[test]
fn a_failure_needs_a_receiver_that_brought_it_about() {
    let wrong = |webhook, outcome: &str| {
        [Violation::WronglyFailed {
            webhook,
            event: "e-7".into(),
            outcomes: vec![outcome.into()],
        }]
    };
    assert_eq!(violations(|facts| fail(facts, 1, "http_5xx")), []);
    assert_eq!(
        violations(|facts| fail(facts, 1, "local_error")),
        wrong(1, "local_error")
    );
    assert_eq!(
        violations(|facts| fail(facts, 1, "dns_error")),
        [],
        "its name's zone failed"
    );
    assert_eq!(violations(|facts| fail(facts, 0, "dns_error")), wrong(0, "dns_error"));
    assert_eq!(violations(|facts| fail(facts, 0, "http_5xx")), wrong(0, "http_5xx"));
}

#[test]
fn a_healthy_webhook_stays_active_and_a_moody_one_may_be_paused() {
    let pause = |webhook: usize| move |facts: &mut Facts| facts.webhooks[webhook].status = "paused".into();
    assert_eq!(violations(pause(1)), []);
    assert_eq!(
        violations(pause(0)),
        [Violation::WronglyPaused {
            webhook: 0,
            status: "paused".into()
        }]
    );
}

#[test]
fn a_delivery_keeps_its_id_and_an_id_its_delivery() {
    let another = Received {
        webhook: 0,
        event: "e-7".into(),
        webhook_id: "other".into(),
        at: Duration::from_secs(1),
    };
    let found = violations(|facts| facts.received.push(another));
    assert_eq!(
        found,
        [Violation::Ids {
            webhook: 0,
            event: "e-7".into(),
            ids: vec!["msg_0_7".into(), "other".into()]
        }]
    );
    let found = violations(|facts| {
        let eight = facts.received.iter().position(|it| it.webhook_id == "msg_0_8").unwrap();
        facts.received[eight].webhook_id = "msg_0_7".into();
    });
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|violation| matches!(violation, Violation::Ids { .. })));
}

/// The first `count` requests of a webhook once more.
fn repeat(facts: &mut Facts, webhook: usize, count: usize) {
    let again: Vec<Received> = facts
        .received
        .iter()
        .filter(|it| it.webhook == webhook)
        .take(count)
        .cloned()
        .collect();
    facts.received.extend(again);
}

#[test]
fn few_repeats_are_allowed_and_those_of_events_published_again_do_not_count() {
    assert_eq!(violations(|facts| repeat(facts, 0, 10)), []);
    let found = violations(|facts| repeat(facts, 0, 20));
    assert_eq!(
        found,
        [Violation::TooManyRepeats {
            repeats: 20,
            requests: EVENTS + 20
        }]
    );
    assert_eq!(violations(|facts| repeat(facts, 1, 100)), []);
    let published_again = |facts: &mut Facts| {
        repeat(facts, 0, 20);
        facts
            .published_again
            .extend((0..20).map(|number| format!("e-{number}")));
    };
    assert_eq!(violations(published_again), []);
}

#[test]
fn calm_deliveries_are_on_time_and_others_may_be_late() {
    let delay = |facts: &mut Facts| {
        facts
            .received
            .iter_mut()
            .take(10)
            .for_each(|it| it.at += Duration::from_secs(5))
    };
    assert_eq!(
        violations(delay),
        [Violation::Late {
            p99: Duration::from_millis(5009),
            of: EVENTS
        }]
    );
    let stormy = |facts: &mut Facts| {
        delay(facts);
        facts
            .accepted
            .iter_mut()
            .take(5)
            .for_each(|accepted| accepted.calm = false);
    };
    assert_eq!(violations(stormy), []);
}

#[test]
fn memory_consumers_queues_and_ends_are_watched() {
    let memory = |facts: &mut Facts| facts.peak_memory_mib[0].1 = 301;
    assert_eq!(
        violations(memory),
        [Violation::Memory {
            process: "sender 0".into(),
            mib: 301
        }]
    );
    let consumers = |facts: &mut Facts| facts.consumers[0].found = Some(7);
    let expected = Violation::Consumers {
        queue: "webhooks.events".into(),
        expected: 2,
        found: Some(7),
    };
    assert_eq!(violations(consumers), [expected]);
    let left = |facts: &mut Facts| facts.left_in_queues[0].1 = 3;
    assert_eq!(
        violations(left),
        [Violation::LeftInQueue {
            queue: "webhooks.unroutable".into(),
            messages: 3
        }]
    );
    let ended = |facts: &mut Facts| facts.ended.push(("fanout 1".into(), "exit status 101".into()));
    assert_eq!(
        violations(ended),
        [Violation::Ended {
            process: "fanout 1".into(),
            how: "exit status 101".into()
        }]
    );
}
