use super::*;

const MINUTE: u64 = 60;

fn policy(delays: &[u64]) -> Result<RetryPolicy, RetryPolicyError> {
    RetryPolicy::new(delays.iter().copied().map(Duration::from_secs).collect(), false)
}

fn facts(outcome: Outcome, http_status: Option<u16>, step: u32) -> AttemptFacts {
    AttemptFacts {
        outcome,
        http_status,
        retry_after: None,
        trigger: Trigger::Event,
        step,
        deferred_for: Duration::ZERO,
    }
}

fn answer(status: u16) -> AttemptFacts {
    facts(Outcome::from_status(status), Some(status), 0)
}

#[track_caller]
fn check(facts: AttemptFacts, expected: Next) {
    assert_eq!(RetryPolicy::default().next(&facts), expected, "{facts:?}");
}

#[test]
fn trigger_labels_are_those_of_the_api() {
    let labels: Vec<&str> = Trigger::VARIANTS.iter().map(<&str>::from).collect();
    assert_eq!(labels, ["event", "retry", "manual", "resume", "test"]);
}

#[test]
fn success_is_delivered() {
    for status in [200, 201, 202, 204, 299] {
        check(answer(status), Next::Delivered);
    }
}

#[test]
fn what_may_pass_is_retried() {
    for status in [500, 502, 503, 504, 599, 408, 425, 100, 101, 199, 600, 999, 0] {
        check(answer(status), Next::RetryAt { step: 0 });
    }
    for outcome in [
        Outcome::Timeout,
        Outcome::ConnectError,
        Outcome::DnsError,
        Outcome::TlsError,
    ] {
        check(facts(outcome, None, 0), Next::RetryAt { step: 0 });
    }
}

#[test]
fn what_stays_wrong_fails_at_once() {
    for status in [400, 401, 403, 404, 413, 422, 499, 300, 301, 302, 307, 308, 399] {
        check(answer(status), Next::Failed);
    }
    check(facts(Outcome::Blocked, None, 0), Next::Failed);
}

#[test]
fn one_first_attempt_and_three_retries() {
    for step in 0..3 {
        check(
            facts(Outcome::Http5xx, Some(500), step),
            Next::RetryAt { step: step as usize },
        );
    }
    for step in [3, 4, u32::MAX] {
        check(facts(Outcome::Http5xx, Some(500), step), Next::Failed);
    }
}

#[test]
fn gone() {
    check(answer(410), Next::FailedGone);
    check(
        AttemptFacts {
            trigger: Trigger::Manual,
            ..answer(410)
        },
        Next::FailedGone,
    );
    check(
        AttemptFacts {
            trigger: Trigger::Test,
            ..answer(410)
        },
        Next::Failed,
    );
}

#[test]
fn manual_attempts_and_tests_are_single() {
    for trigger in [Trigger::Manual, Trigger::Test] {
        check(AttemptFacts { trigger, ..answer(200) }, Next::Delivered);
        check(AttemptFacts { trigger, ..answer(503) }, Next::Failed);
        let asked = AttemptFacts {
            retry_after: Some(Duration::from_secs(5)),
            ..answer(429)
        };
        check(AttemptFacts { trigger, ..asked }, Next::Failed);
    }
}

#[test]
fn too_many_requests_defers_whatever_the_ladder() {
    let throttled = |wait| {
        Next::Deferred(Deferral {
            cause: DeferralCause::Throttled,
            wait,
        })
    };
    for (trigger, step) in [(Trigger::Event, 0), (Trigger::Retry, 3), (Trigger::Resume, 7)] {
        let facts = AttemptFacts {
            trigger,
            step,
            ..answer(429)
        };
        check(facts, throttled(Duration::from_secs(1)));
        check(
            AttemptFacts {
                retry_after: Some(Duration::from_secs(90)),
                ..facts
            },
            throttled(Duration::from_secs(90)),
        );
        check(
            AttemptFacts {
                deferred_for: MAX_DEFERRED,
                ..facts
            },
            Next::Expired,
        );
    }
}

#[test]
fn too_many_requests_and_a_pause_for_maintenance_slow_the_webhook() {
    let minute = Some(Duration::from_secs(MINUTE));
    let asks = |status, retry_after| {
        AttemptFacts {
            retry_after,
            ..answer(status)
        }
        .throttled()
    };
    let throttled = |wait| {
        Some(Deferral {
            cause: DeferralCause::Throttled,
            wait,
        })
    };
    assert_eq!(asks(429, None), throttled(Duration::from_secs(1)));
    assert_eq!(asks(429, minute), throttled(Duration::from_secs(MINUTE)));
    assert_eq!(asks(503, minute), throttled(Duration::from_secs(MINUTE)));
    assert_eq!(asks(503, Some(Duration::ZERO)), throttled(Duration::ZERO));
    assert_eq!(asks(503, None), None);
    assert_eq!(asks(500, minute), None);
    assert_eq!(asks(200, minute), None);
}

#[test]
fn trouble_on_our_side_defers_what_people_ask_for_too_and_never_a_test() {
    let deferred = Next::Deferred(Deferral {
        cause: DeferralCause::LocalError,
        wait: Duration::from_secs(5),
    });
    for trigger in [Trigger::Event, Trigger::Retry, Trigger::Resume, Trigger::Manual] {
        let facts = AttemptFacts {
            trigger,
            ..facts(Outcome::LocalError, None, 3)
        };
        check(facts, deferred);
        check(
            AttemptFacts {
                deferred_for: MAX_DEFERRED,
                ..facts
            },
            Next::Expired,
        );
    }
    check(
        AttemptFacts {
            trigger: Trigger::Test,
            ..facts(Outcome::LocalError, None, 0)
        },
        Next::Failed,
    );
}

#[test]
fn every_automatic_trigger_climbs_the_ladder() {
    for trigger in [Trigger::Event, Trigger::Retry, Trigger::Resume] {
        check(AttemptFacts { trigger, ..answer(500) }, Next::RetryAt { step: 0 });
    }
}

#[test]
fn client_errors_are_retried_on_request() {
    let policy = RetryPolicy {
        retry_client_errors: true,
        ..RetryPolicy::default()
    };
    assert_eq!(policy.next(&answer(404)), Next::RetryAt { step: 0 });
    assert_eq!(policy.next(&answer(410)), Next::FailedGone);
    assert!(matches!(policy.next(&answer(429)), Next::Deferred(_)));
    assert_eq!(policy.next(&answer(302)), Next::Failed);
}

#[test]
fn retry_after_moves_to_the_first_step_that_is_long_enough() {
    let asked = |seconds: u64, step: u32| AttemptFacts {
        retry_after: Some(Duration::from_secs(seconds)),
        ..facts(Outcome::Http5xx, Some(503), step)
    };
    for (seconds, step, expected) in [
        (0, 0, 0),
        (1, 0, 0),
        (MINUTE, 0, 0),
        (MINUTE + 1, 0, 1),
        (5 * MINUTE, 0, 1),
        (5 * MINUTE + 1, 0, 2),
        (30 * MINUTE, 0, 2),
        (30 * MINUTE + 1, 0, 2),
        (u64::MAX, 0, 2),
        (1, 1, 1),
        (10 * MINUTE, 1, 2),
        (1, 2, 2),
        (u64::MAX, 2, 2),
    ] {
        check(asked(seconds, step), Next::RetryAt { step: expected });
    }
    check(asked(1, 3), Next::Failed);
}

#[test]
fn step_names_are_those_of_the_queues() {
    let policy = policy(&[1, 60, 90, 300, 1800, 3600, 5400, 7200, 86_400]).unwrap();
    let names: Vec<_> = (0..policy.ladder().len()).map(|step| policy.step_name(step)).collect();
    assert_eq!(names, ["1s", "1m", "90s", "5m", "30m", "1h", "90m", "2h", "24h"]);
    let names: Vec<_> = (0..3).map(|step| RetryPolicy::default().step_name(step)).collect();
    assert_eq!(names, ["1m", "5m", "30m"]);
}

#[test]
fn the_default_is_a_valid_ladder() {
    let default = RetryPolicy::default();
    assert_eq!(RetryPolicy::new(default.ladder().to_vec(), false), Ok(default));
}

#[test]
fn what_is_no_ladder() {
    assert_eq!(policy(&[]), Err(RetryPolicyError::Count));
    assert_eq!(
        policy(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        Err(RetryPolicyError::Count)
    );
    assert_eq!(policy(&[0, 1]), Err(RetryPolicyError::Delay));
    assert_eq!(policy(&[1, 86_401]), Err(RetryPolicyError::Delay));
    assert_eq!(
        RetryPolicy::new(vec![Duration::from_millis(1500)], false),
        Err(RetryPolicyError::Delay)
    );
    assert_eq!(policy(&[60, 60]), Err(RetryPolicyError::Order));
    assert_eq!(policy(&[300, 60]), Err(RetryPolicyError::Order));
    assert!(policy(&[86_400]).is_ok());
    assert!(policy(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).is_ok());
}
