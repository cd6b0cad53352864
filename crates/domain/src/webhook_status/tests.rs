use super::*;

const TEN: AutoPause = after_failures(10);
const OFF: AutoPause = after_failures(0);
/// The failures came one right after the other.
const AT_ONCE: Duration = Duration::ZERO;

const fn after_failures(after: u32) -> AutoPause {
    AutoPause {
        after,
        within: Duration::ZERO,
        suspended: false,
    }
}

/// The health after these attempts, and the effect of the last one.
fn after(
    health: WebhookHealth,
    attempts: &[(Trigger, Next)],
    rule: AutoPause,
) -> (WebhookHealth, Option<HealthEffect>) {
    attempts.iter().fold((health, None), |(health, _), (trigger, next)| {
        health.after_attempt(*trigger, *next, rule, AT_ONCE)
    })
}

/// The effects of automatic deliveries that fail one after the other, with the number of the failure.
fn effects_of_failures(count: u32, rule: AutoPause) -> Vec<(u32, HealthEffect)> {
    let mut health = WebhookHealth::default();
    let mut effects = Vec::new();
    for number in 1..=count {
        let (next, effect) = health.after_attempt(Trigger::Event, Next::Failed, rule, AT_ONCE);
        effects.extend(effect.map(|effect| (number, effect)));
        health = next;
    }
    effects
}

fn failed(consecutive_failures: u32) -> WebhookHealth {
    WebhookHealth {
        consecutive_failures,
        failed_attempts: consecutive_failures,
        paused: None,
    }
}

const PAUSE: HealthEffect = HealthEffect::Pause(PausedReason::RepeatedFailures);

#[test]
fn labels_are_those_of_the_api() {
    assert_eq!(
        WebhookStatus::VARIANTS.iter().map(<&str>::from).collect::<Vec<_>>(),
        ["active", "paused", "error"]
    );
    assert_eq!(
        PausedReason::VARIANTS.iter().map(<&str>::from).collect::<Vec<_>>(),
        ["user", "repeated_failures", "gone"]
    );
}

#[test]
fn a_new_webhook_is_active() {
    assert_eq!(WebhookHealth::default().status(), WebhookStatus::Active);
}

#[test]
fn three_attempts_in_a_row_make_an_error() {
    let retry = (Trigger::Event, Next::RetryAt { step: 0 });
    let (two, _) = after(WebhookHealth::default(), &[retry; 2], TEN);
    assert_eq!(two.status(), WebhookStatus::Active);
    let (three, _) = after(two, &[retry], TEN);
    assert_eq!(three.status(), WebhookStatus::Error);
    assert_eq!(three.consecutive_failures, 0);
}

#[test]
fn a_failed_delivery_makes_an_error_until_a_success() {
    let (health, _) = after(WebhookHealth::default(), &[(Trigger::Event, Next::Failed)], TEN);
    assert_eq!(health.status(), WebhookStatus::Error);
    let (health, _) = after(health, &[(Trigger::Event, Next::Delivered)], TEN);
    assert_eq!(health, WebhookHealth::default());
}

#[test]
fn the_tenth_failure_pauses_once_and_the_fifth_warns_once() {
    assert_eq!(effects_of_failures(30, TEN), [(5, HealthEffect::Warn), (10, PAUSE)]);
}

#[test]
fn a_warning_comes_only_before_a_pause() {
    assert_eq!(
        effects_of_failures(30, after_failures(6)),
        [(5, HealthEffect::Warn), (6, PAUSE)]
    );
    assert_eq!(effects_of_failures(30, after_failures(5)), [(5, PAUSE)]);
    assert_eq!(effects_of_failures(30, after_failures(1)), [(1, PAUSE)]);
}

#[test]
fn without_auto_pause_there_is_the_warning_alone() {
    assert_eq!(effects_of_failures(30, OFF), [(5, HealthEffect::Warn)]);
}

#[test]
fn a_success_in_between_starts_again() {
    let (health, effect) = failed(9).after_attempt(Trigger::Retry, Next::Delivered, TEN, AT_ONCE);
    assert_eq!(
        (health.consecutive_failures, effect),
        (0, Some(HealthEffect::Recovered))
    );
    assert_eq!(
        health.after_attempt(Trigger::Event, Next::Failed, TEN, AT_ONCE),
        (failed(1), None)
    );
}

#[test]
fn recovery_is_announced_only_after_a_warning() {
    assert_eq!(
        failed(4).after_attempt(Trigger::Event, Next::Delivered, TEN, AT_ONCE).1,
        None
    );
    assert_eq!(
        failed(5).after_attempt(Trigger::Event, Next::Delivered, TEN, AT_ONCE).1,
        Some(HealthEffect::Recovered)
    );
    assert_eq!(
        failed(5)
            .after_attempt(Trigger::Event, Next::Delivered, after_failures(5), AT_ONCE)
            .1,
        None
    );
}

#[test]
fn tests_change_nothing() {
    for next in [
        Next::Delivered,
        Next::Failed,
        Next::FailedGone,
        Next::RetryAt { step: 0 },
    ] {
        assert_eq!(
            failed(9).after_attempt(Trigger::Test, next, TEN, AT_ONCE),
            (failed(9), None)
        );
    }
}

#[test]
fn a_manual_failure_counts_for_nothing_and_a_manual_success_is_one() {
    assert_eq!(
        failed(9).after_attempt(Trigger::Manual, Next::Failed, TEN, AT_ONCE),
        (failed(9), None)
    );
    assert_eq!(
        failed(4).after_attempt(Trigger::Manual, Next::Delivered, TEN, AT_ONCE),
        (WebhookHealth::default(), None)
    );
}

#[test]
fn gone_pauses_at_once() {
    let gone = HealthEffect::Pause(PausedReason::Gone);
    let (health, effect) = WebhookHealth::default().after_attempt(Trigger::Event, Next::FailedGone, OFF, AT_ONCE);
    assert_eq!(
        (health.paused, health.consecutive_failures, effect),
        (Some(PausedReason::Gone), 1, Some(gone))
    );
    assert_eq!(health.status(), WebhookStatus::Paused);
    let (health, effect) = failed(2).after_attempt(Trigger::Manual, Next::FailedGone, TEN, AT_ONCE);
    assert_eq!(
        (health.paused, health.consecutive_failures, effect),
        (Some(PausedReason::Gone), 2, Some(gone))
    );
}

#[test]
fn a_paused_webhook_is_not_paused_again() {
    let paused = WebhookHealth {
        paused: Some(PausedReason::User),
        ..failed(9)
    };
    for next in [Next::Failed, Next::FailedGone, Next::Delivered] {
        let (health, effect) = paused.after_attempt(Trigger::Event, next, TEN, AT_ONCE);
        assert_eq!((health.paused, effect), (Some(PausedReason::User), None), "{next:?}");
    }
    assert_eq!(
        paused
            .after_attempt(Trigger::Event, Next::Failed, TEN, AT_ONCE)
            .0
            .consecutive_failures,
        10
    );
}

#[test]
fn a_resumed_webhook_needs_the_whole_count_again() {
    let (paused, _) = after(WebhookHealth::default(), &[(Trigger::Event, Next::Failed); 10], TEN);
    assert_eq!(paused.status(), WebhookStatus::Paused);
    // A resume resets all of it in the database.
    let resumed = WebhookHealth::default();
    assert_eq!(
        after(resumed, &[(Trigger::Resume, Next::Failed); 9], TEN).0.paused,
        None
    );
    assert_eq!(
        after(resumed, &[(Trigger::Resume, Next::Failed); 10], TEN).1,
        Some(PAUSE)
    );
}

#[test]
fn counters_do_not_overflow() {
    let (health, _) = failed(u32::MAX).after_attempt(Trigger::Event, Next::Failed, OFF, AT_ONCE);
    assert_eq!(health, failed(u32::MAX));
}

#[test]
fn what_was_deferred_counts_for_nothing() {
    let deferred = Next::Deferred(crate::Deferral::new(crate::DeferralCause::Throttled, None));
    for next in [deferred, Next::Expired] {
        for trigger in [Trigger::Event, Trigger::Retry, Trigger::Resume, Trigger::Manual] {
            assert_eq!(failed(9).after_attempt(trigger, next, TEN, AT_ONCE), (failed(9), None));
        }
    }
}

#[test]
fn the_least_time_between_first_and_last_failure_is_kept() {
    let patient = AutoPause {
        within: Duration::from_secs(600),
        ..TEN
    };
    let short = Duration::from_secs(599);
    let long = Duration::from_secs(600);
    let (health, effect) = failed(40).after_attempt(Trigger::Event, Next::Failed, patient, short);
    assert_eq!((health, effect), (failed(41), None));
    assert_eq!(
        health.after_attempt(Trigger::Event, Next::Failed, patient, long).1,
        Some(PAUSE)
    );
}

#[test]
fn while_suspended_failures_are_counted_and_nobody_is_paused() {
    let suspended = AutoPause { suspended: true, ..TEN };
    let (health, effect) = failed(9).after_attempt(Trigger::Event, Next::Failed, suspended, AT_ONCE);
    assert_eq!((health, effect), (failed(10), None));
    assert_eq!(
        health.after_attempt(Trigger::Event, Next::Failed, TEN, AT_ONCE).1,
        Some(PAUSE),
        "once it is over"
    );
}
