//! Consequences of outcomes for their webhook, in the transaction that records them.

use std::time::Duration;

use domain::{
    AutoPause, HealthEffect, Next, NotificationKind, Outcome, PausedReason, Trigger, WebhookHealth, WebhookId,
};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};
use store::Database;
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition, HealthChange};
use store::webhooks::Edit;

use crate::fixture::{AUTO_PAUSE, account, admin, attempt, delivered, migrated, now, retrying, url, webhook};

/// A delivery whose first attempt failed for good.
fn failed(webhook: WebhookId, event_id: &str, trigger: Trigger, next: Next) -> DeliveryRecord {
    DeliveryRecord {
        disposition: Disposition::Failed { error: None },
        attempt: Some(AttemptRecord {
            trigger,
            next,
            ..attempt(Outcome::Http4xx, Some(404), now())
        }),
        ..retrying(webhook, event_id, now())
    }
}

fn failures(webhook: WebhookId, name: &str, count: usize) -> Vec<DeliveryRecord> {
    (0..count)
        .map(|n| failed(webhook, &format!("{name}-{n}"), Trigger::Event, Next::Failed))
        .collect()
}

async fn health(database: &Database, webhook: WebhookId) -> WebhookHealth {
    database
        .webhook(&account("acme"), webhook)
        .await
        .unwrap()
        .unwrap()
        .health
}

async fn told(database: &Database) -> Vec<(NotificationKind, String)> {
    let mut told = database.notifications(&account("acme"), None, None, 100).await.unwrap();
    told.reverse();
    told.into_iter().map(|it| (it.kind, it.message)).collect()
}

#[tokio::test]
async fn ten_failures_told_by_four_senders_pause_it_once() {
    let (database, _sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let records = failures(erp, "e", 40);
    let batches = records.chunks(10).map(|batch| database.record(batch, AUTO_PAUSE));
    let changes: Vec<HealthChange> = futures_util::future::join_all(batches)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    let pauses = changes
        .iter()
        .filter(|change| matches!(change.effect, HealthEffect::Pause(_)))
        .count();
    assert_eq!((pauses, changes.len()), (1, 2), "{changes:?}");
    let health = health(&database, erp).await;
    assert_eq!(
        (health.paused, health.consecutive_failures),
        (Some(PausedReason::RepeatedFailures), 40)
    );
    let expected = [
        (
            NotificationKind::Failing,
            "Webhook 'ERP Sync' is failing: 5 deliveries in a row have failed",
        ),
        (
            NotificationKind::AutoPaused,
            "Webhook 'ERP Sync' has been paused due to repeated failures",
        ),
    ];
    assert_eq!(
        told(&database).await,
        expected.map(|(kind, message)| (kind, message.to_owned()))
    );
}

#[tokio::test]
async fn what_is_told_twice_counts_once() {
    let (database, _sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let nine = failures(erp, "e", 9);
    for _ in 0..3 {
        database.record(&nine, AUTO_PAUSE).await.unwrap();
    }
    assert_eq!(health(&database, erp).await.consecutive_failures, 9);
    assert_eq!(told(&database).await.len(), 1, "the warning");
}

#[tokio::test]
async fn outcomes_at_a_former_url_count_for_nothing() {
    let (database, _sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let at = |url: &str, mut record: DeliveryRecord| {
        record.attempt.as_mut().unwrap().url = Some(url.into());
        record
    };
    let former = database.webhook(&account("acme"), erp).await.unwrap().unwrap().url;
    let edit = Edit {
        url: Some(url("https://new.example/hook")),
        ..Edit::default()
    };
    database.edit_webhook(&admin("acme"), erp, &edit, None).await.unwrap();
    let late = failures(erp, "late", 10)
        .into_iter()
        .map(|failure| at(&former, failure));
    database.record(&late.collect::<Vec<_>>(), AUTO_PAUSE).await.unwrap();
    assert_eq!(health(&database, erp).await, WebhookHealth::default());

    let failing = failures(erp, "now", 5)
        .into_iter()
        .map(|failure| at("https://new.example/hook", failure));
    database.record(&failing.collect::<Vec<_>>(), AUTO_PAUSE).await.unwrap();
    database
        .record(&[at(&former, delivered(&retrying(erp, "ok", now())))], AUTO_PAUSE)
        .await
        .unwrap();
    assert_eq!(health(&database, erp).await.consecutive_failures, 5);
}

#[tokio::test]
async fn a_success_in_between_starts_again_from_zero() {
    let (database, _sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    database.record(&failures(erp, "a", 9), AUTO_PAUSE).await.unwrap();
    database
        .record(&[delivered(&retrying(erp, "ok", now()))], AUTO_PAUSE)
        .await
        .unwrap();
    assert_eq!(health(&database, erp).await, WebhookHealth::default());
    database.record(&failures(erp, "b", 9), AUTO_PAUSE).await.unwrap();
    let health = health(&database, erp).await;
    assert_eq!((health.consecutive_failures, health.paused), (9, None));
    let kinds: Vec<_> = told(&database).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        [
            NotificationKind::Failing,
            NotificationKind::Recovered,
            NotificationKind::Failing
        ]
    );
}

#[tokio::test]
async fn successes_count_although_failures_are_written_with_them() {
    let (database, _sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let success = |n: usize| delivered(&retrying(erp, &format!("ok-{n}"), now()));
    let failures = failures(erp, "e", 30);
    let mixed: Vec<_> = failures
        .into_iter()
        .enumerate()
        .flat_map(|(n, failure)| [failure, success(n)])
        .collect();
    database.record(&mixed, AUTO_PAUSE).await.unwrap();
    assert_eq!(health(&database, erp).await, WebhookHealth::default());
    assert_eq!(told(&database).await, []);
}

#[tokio::test]
async fn the_time_of_failing_starts_anew_at_a_success_of_the_same_batch() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let auto_pause = AutoPause {
        after: 3,
        within: Duration::from_secs(3600),
        suspended: false,
    };
    database.record(&failures(erp, "a", 3), auto_pause).await.unwrap();
    assert_eq!(health(&database, erp).await.paused, None, "an hour has not passed");
    sql.execute("UPDATE webhooks SET failing_since = now() - interval '2 hours'", &[])
        .await
        .unwrap();
    let success = delivered(&retrying(erp, "ok", now()));
    let [first, second, third] = failures(erp, "b", 3).try_into().unwrap();
    database
        .record(&[success, first, second, third], auto_pause)
        .await
        .unwrap();
    let health_now = health(&database, erp).await;
    assert_eq!((health_now.consecutive_failures, health_now.paused), (3, None));
    database.record(&failures(erp, "c", 1), auto_pause).await.unwrap();
    assert_eq!(
        health(&database, erp).await.paused,
        None,
        "the failures in a row began a moment ago"
    );
    sql.execute("UPDATE webhooks SET failing_since = now() - interval '2 hours'", &[])
        .await
        .unwrap();
    database.record(&failures(erp, "d", 1), auto_pause).await.unwrap();
    assert_eq!(
        health(&database, erp).await.paused,
        Some(PausedReason::RepeatedFailures)
    );
}

#[tokio::test]
async fn what_people_ask_for_is_not_counted_and_a_webhook_that_is_gone_is_paused() {
    let (database, _sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let manual: Vec<_> = (0..12)
        .map(|n| failed(erp, &format!("m{n}"), Trigger::Manual, Next::Failed))
        .collect();
    database.record(&manual, AUTO_PAUSE).await.unwrap();
    assert_eq!(health(&database, erp).await, WebhookHealth::default());
    let gone = failed(erp, "gone", Trigger::Event, Next::FailedGone);
    database.record(std::slice::from_ref(&gone), AUTO_PAUSE).await.unwrap();
    assert_eq!(health(&database, erp).await.paused, Some(PausedReason::Gone));
    assert_eq!(told(&database).await.len(), 1);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Fail(usize),
    Succeed,
    Resume,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![4 => (1..12usize).prop_map(Step::Fail), 2 => Just(Step::Succeed), 1 => Just(Step::Resume)];
    proptest::collection::vec(step, 1..12)
}

/// The specified rule, in its simplest form.
#[derive(Default)]
struct Model {
    in_a_row: usize,
    paused: bool,
    pauses: usize,
}

impl Model {
    fn step(&mut self, step: Step) {
        match step {
            Step::Succeed => self.in_a_row = 0,
            Step::Resume if self.paused => {
                *self = Self {
                    pauses: self.pauses,
                    ..Self::default()
                }
            }
            Step::Resume => {}
            Step::Fail(count) => {
                self.in_a_row += count;
                if self.in_a_row >= 10 && !std::mem::replace(&mut self.paused, true) {
                    self.pauses += 1;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_database_follows_the_model_of_the_rule(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (database, _sql) = migrated().await;
            let erp = webhook(&database, "acme", "ERP Sync").await;
            let mut model = Model::default();
            for (number, step) in steps.into_iter().enumerate() {
                model.step(step);
                match step {
                    Step::Fail(count) => {
                        database.record(&failures(erp, &number.to_string(), count), AUTO_PAUSE).await.unwrap();
                    }
                    Step::Succeed => {
                        let done = delivered(&retrying(erp, &number.to_string(), now()));
                        database.record(&[done], AUTO_PAUSE).await.unwrap();
                    }
                    Step::Resume => {
                        let rate = domain::ReleaseRate::new(50.0);
                        database.resume_webhook(&admin("acme"), erp, rate).await.unwrap().unwrap();
                    }
                }
            }
            let health = health(&database, erp).await;
            assert_eq!((health.consecutive_failures as usize, health.paused.is_some()), (model.in_a_row, model.paused));
            let kinds = told(&database).await;
            let pauses = kinds.iter().filter(|(kind, _)| *kind == NotificationKind::AutoPaused).count();
            assert_eq!(pauses, model.pauses);
        });
    }
}
