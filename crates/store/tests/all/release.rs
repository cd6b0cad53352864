//! Holding, releasing, manual retries and recoveries.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{
    Deferral, DeferralCause, DeliveryId, DeliveryState, EventType, Next, Outcome, ReleaseRate, Trigger, WebhookId,
};
use jiff::{Timestamp, ToSpan};
use store::Database;
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition, OutboxEntry};
use store::recover::{Count, RecoverRange, Recovery, Retry};
use store::release::{Release, Released};
use store::webhooks::Edit;

use crate::fixture::{AUTO_PAUSE, WAITS, account, admin, attempt, delivered, migrated, now, retrying, url, webhook};

const FAST: f64 = 1000.0;

fn rate() -> ReleaseRate {
    ReleaseRate::new(FAST)
}

fn outbox(webhook: WebhookId, event_id: &str, at: Timestamp, disposition: Disposition) -> DeliveryRecord {
    DeliveryRecord {
        disposition,
        attempts: 0,
        step: 0,
        attempt: None,
        ..retrying(webhook, event_id, at)
    }
}

fn failed(webhook: WebhookId, event_id: &str, at: Timestamp) -> DeliveryRecord {
    DeliveryRecord {
        disposition: Disposition::Failed { error: None },
        attempts: 4,
        step: 3,
        attempt: Some(AttemptRecord {
            next: Next::Failed,
            ..attempt(Outcome::Http5xx, Some(500), at)
        }),
        ..retrying(webhook, event_id, at)
    }
}

/// Holds `count` deliveries, one second apart, recorded in the wrong order and twice.
async fn hold(database: &Database, webhook: WebhookId, count: i64) -> Vec<DeliveryId> {
    let begin = now();
    let mut records: Vec<_> = (0..count)
        .map(|n| {
            outbox(
                webhook,
                &format!("e{n}"),
                begin + n.milliseconds(),
                Disposition::Held(WAITS),
            )
        })
        .collect();
    let in_order = records.iter().map(|record| record.delivery.id).collect();
    records.reverse();
    for _ in 0..2 {
        database.record(&records, AUTO_PAUSE).await.unwrap();
    }
    in_order
}

async fn held(database: &Database, webhook: WebhookId) -> i64 {
    database.webhook(&account("acme"), webhook).await.unwrap().unwrap().held
}

async fn state(database: &Database, delivery: DeliveryId) -> DeliveryState {
    database.known_delivery(delivery, None).await.unwrap().unwrap().state
}

/// Releases until the webhook's release is finished, and returns what was published, in its order.
async fn release_all(database: &Database, sql: &tokio_postgres::Client, webhook: WebhookId) -> Vec<Released> {
    let published = Mutex::new(Vec::new());
    let publish = async |released: Vec<Released>| {
        published.lock().unwrap().extend(released);
        true
    };
    let turns = "SELECT count(*) FROM releases WHERE webhook_id = $1";
    let over = async || {
        database.release(webhook, rate(), publish).await.unwrap();
        sql.query_one(turns, &[&webhook.0]).await.unwrap().get::<_, i64>(0) == 0
    };
    testkit::wait::until(Duration::from_secs(60), "the end of the release", over)
        .await
        .unwrap();
    published.into_inner().unwrap()
}

#[tokio::test]
async fn what_is_held_is_counted_once_and_released_in_the_order_of_its_creation() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    database.pause_webhook(&admin("acme"), erp).await.unwrap().unwrap();
    let in_order = hold(&database, erp, 250).await;
    assert_eq!(held(&database, erp).await, 250);
    assert_eq!(release_all(&database, &sql, erp).await, [], "it is paused");

    database
        .resume_webhook(&admin("acme"), erp, rate())
        .await
        .unwrap()
        .unwrap();
    let released = release_all(&database, &sql, erp).await;
    assert_eq!(
        released.iter().map(|released| released.delivery.id).collect::<Vec<_>>(),
        in_order
    );
    assert!(
        released
            .iter()
            .all(|it| it.trigger == Trigger::Resume && it.attempts == 0 && !it.delivery.payload.is_empty())
    );
    assert_eq!(
        (held(&database, erp).await, state(&database, in_order[0]).await),
        (0, DeliveryState::Queued)
    );
    database.sum_up_counts().await.unwrap();
    assert_eq!(held(&database, erp).await, 0);
}

#[tokio::test]
async fn one_turn_reads_few_large_payloads_and_any_number_of_small_ones() {
    let (database, sql) = migrated().await;
    for (name, bytes, least, most) in [("large", 1024 * 1024, 1, 8), ("small", 100, 40, 100)] {
        let id = webhook(&database, "acme", name).await;
        let begin = now();
        let records: Vec<_> = (0..40)
            .map(|n| {
                let at = begin + n.milliseconds();
                let mut record = outbox(id, &format!("{name}{n}"), at, Disposition::Held(WAITS));
                record.delivery.payload = vec![b'x'; bytes].into();
                record
            })
            .collect();
        database.record(&records, AUTO_PAUSE).await.unwrap();
        database.schedule_missing_releases().await.unwrap();
        sql.execute(
            "UPDATE releases SET per_second = 1000, next_at = now() - interval '1 second'",
            &[],
        )
        .await
        .unwrap();
        let turn = database.release(id, rate(), async |_| true).await.unwrap();
        let Release::Released(count) = turn else {
            panic!("{turn:?}")
        };
        assert!((least..=most).contains(&count), "{count} of {name}");
        let rest = release_all(&database, &sql, id).await;
        assert_eq!(count + rest.len(), 40, "{name}");
    }
}

#[tokio::test]
async fn a_delivery_that_ended_while_it_waited_is_not_counted_as_held() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let records: Vec<_> = (0..3)
        .map(|n| outbox(erp, &format!("e{n}"), now(), Disposition::Spilled(WAITS)))
        .collect();
    database.record(&records, AUTO_PAUSE).await.unwrap();
    sql.execute("UPDATE deliveries SET state = 'delivered' WHERE event_id = 'e1'", &[])
        .await
        .unwrap();
    database.pause_webhook(&admin("acme"), erp).await.unwrap().unwrap();
    // As when a sender spilled them while the webhook's release ended.
    sql.execute("DELETE FROM releases", &[]).await.unwrap();
    assert_eq!(database.schedule_missing_releases().await.unwrap(), 1);
    assert_eq!(release_all(&database, &sql, erp).await, []);
    assert_eq!(held(&database, erp).await, 2);
    assert_eq!(database.schedule_missing_releases().await.unwrap(), 0, "all are held");
}

#[tokio::test]
async fn another_url_is_not_kept_waiting_for_the_former_receiver() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    hold(&database, erp, 1).await;
    database.schedule_missing_releases().await.unwrap();
    let signal = "INSERT INTO release_signals (webhook_id, kind, wait_until)
        VALUES ($1, 'throttled', now() + interval '1 hour')";
    sql.execute(signal, &[&erp.0]).await.unwrap();
    sql.execute("UPDATE releases SET next_at = now() + interval '1 hour'", &[])
        .await
        .unwrap();
    let renamed = Edit {
        name: Some("ERP".to_owned()),
        ..Edit::default()
    };
    database
        .edit_webhook(&admin("acme"), erp, &renamed, None)
        .await
        .unwrap();
    assert_eq!(
        database.due_releases(10).await.unwrap(),
        [],
        "its receiver asked to wait"
    );
    let moved = Edit {
        url: Some(url("https://elsewhere.example/hook")),
        ..Edit::default()
    };
    database.edit_webhook(&admin("acme"), erp, &moved, None).await.unwrap();
    assert_eq!(
        database.release(erp, rate(), async |_| true).await.unwrap(),
        Release::Released(1)
    );
}

#[tokio::test]
async fn what_the_broker_does_not_confirm_stays_held() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let in_order = hold(&database, erp, 3).await;
    database.schedule_missing_releases().await.unwrap();
    let release = database.release(erp, rate(), async |_| false).await.unwrap();
    assert_eq!(release, Release::NotPublished);
    assert_eq!(
        (held(&database, erp).await, state(&database, in_order[0]).await),
        (3, DeliveryState::Held)
    );
    assert_eq!(release_all(&database, &sql, erp).await.len(), 3);
}

#[tokio::test]
async fn one_process_at_a_time_is_at_a_webhook() {
    let (database, _sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    hold(&database, erp, 30).await;
    database.schedule_missing_releases().await.unwrap();
    let other = database.clone();
    let publish = async |released: Vec<Released>| {
        let second = other
            .release(erp, rate(), async |_| panic!("nothing is left to it"))
            .await
            .unwrap();
        assert_eq!(second, Release::NotNow);
        !released.is_empty()
    };
    assert!(matches!(
        database.release(erp, rate(), publish).await.unwrap(),
        Release::Released(1..)
    ));
}

#[tokio::test]
async fn a_delivery_put_aside_again_while_it_is_being_released_waits_again() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let record = outbox(erp, "e", now(), Disposition::Spilled(WAITS));
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    let disposition = Disposition::Spilled(OutboxEntry {
        returned: true,
        ..WAITS
    });
    let again = DeliveryRecord {
        disposition,
        ..record.clone()
    };
    let (sender, aside) = (database.clone(), std::sync::Arc::new(Mutex::new(None)));
    let task = std::sync::Arc::clone(&aside);
    let publish = async move |_: Vec<Released>| {
        let record = async move { sender.record(&[again], AUTO_PAUSE).await };
        *task.lock().unwrap() = Some(tokio::spawn(record));
        true
    };
    assert_eq!(
        database.release(erp, rate(), publish).await.unwrap(),
        Release::Released(1)
    );
    let aside = aside.lock().unwrap().take().unwrap();
    aside.await.unwrap().unwrap();
    assert_eq!(state(&database, record.delivery.id).await, DeliveryState::Queued);
    assert_eq!(release_all(&database, &sql, erp).await.len(), 1);
}

#[tokio::test]
async fn what_came_back_slows_its_webhook_down_once() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let returned = Disposition::Spilled(OutboxEntry {
        returned: true,
        ..WAITS
    });
    let returned = |nth: i64| outbox(erp, &format!("e{nth}"), now(), returned.clone());
    let records: Vec<_> = (0..5).map(returned).collect();
    database.record(&records, AUTO_PAUSE).await.unwrap();
    sql.execute("UPDATE releases SET per_second = 2", &[]).await.unwrap();
    let pace_after_a_turn = async || {
        sql.execute("UPDATE releases SET next_at = now()", &[]).await.unwrap();
        assert_eq!(
            database.release(erp, rate(), async |_| true).await.unwrap(),
            Release::Released(1)
        );
        sql.query_one("SELECT per_second FROM releases", &[])
            .await
            .unwrap()
            .get::<_, f64>(0)
    };
    assert_eq!([pace_after_a_turn().await, pace_after_a_turn().await], [1.0, 2.0]);
}

/// Statements that were prepared while the outbox was empty run when it is full.
#[tokio::test]
async fn whoever_puts_aside_and_releases_reads_no_list_from_one_end_to_the_other() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let spill = async |first: i64, count: i64| {
        let at = |nth: i64| {
            now()
                .saturating_sub(1.hour())
                .unwrap()
                .saturating_add(nth.milliseconds())
                .unwrap()
        };
        let record = |nth: i64| outbox(erp, &format!("e{nth}"), at(nth), Disposition::Spilled(WAITS));
        let records: Vec<_> = (first..first + count).map(record).collect();
        database.record(&records, AUTO_PAUSE).await.unwrap();
    };
    for nth in 0..10 {
        spill(nth, 1).await;
        assert_eq!(release_all(&database, &sql, erp).await.len(), 1);
    }
    spill(10, 1000).await;
    spill(1010, 1000).await;
    for nth in 2010..2030 {
        spill(nth, 1).await;
    }
    assert_eq!(release_all(&database, &sql, erp).await.len(), 2020);

    // A connection reports its statistics at the latest when it ends.
    drop(database);
    let read = "SELECT sum(n_tup_del) FILTER (WHERE relname = 'waiting_deliveries')::int8, sum(seq_tup_read)::int8
        FROM pg_stat_user_tables WHERE relname IN ('waiting_deliveries', 'releases')";
    let told = async || sql.query_one(read, &[]).await.unwrap().get::<_, i64>(0) == 2030;
    testkit::wait::until(Duration::from_secs(60), "the counts of what was read", told)
        .await
        .unwrap();
    let read_in_passing: i64 = sql.query_one(read, &[]).await.unwrap().get(1);
    assert!(
        read_in_passing < 2000,
        "{read_in_passing} rows were read without an index"
    );
}

#[tokio::test]
async fn what_waits_when_a_webhook_is_paused_or_deleted_is_held_or_fails() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let record = outbox(erp, "e", now(), Disposition::Spilled(WAITS));
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    assert_eq!(held(&database, erp).await, 0);
    database.pause_webhook(&admin("acme"), erp).await.unwrap();
    assert_eq!(release_all(&database, &sql, erp).await, []);
    assert_eq!(
        (held(&database, erp).await, state(&database, record.delivery.id).await),
        (1, DeliveryState::Held)
    );

    database.delete_webhook(&admin("acme"), erp, None).await.unwrap();
    database.schedule_missing_releases().await.unwrap();
    assert_eq!(release_all(&database, &sql, erp).await, []);
    let detail = database
        .delivery(&account("acme"), record.delivery.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (detail.delivery.state, detail.delivery.error.as_deref()),
        (DeliveryState::Failed, Some("webhook deleted"))
    );
}

#[tokio::test]
async fn a_failed_delivery_is_retried_by_hand_once() {
    let (database, sql) = migrated().await;
    let (erp, acme) = (webhook(&database, "acme", "ERP Sync").await, admin("acme"));
    let record = failed(erp, "e", now());
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    assert_eq!(
        database
            .retry_delivery(&admin("globex"), record.delivery.id)
            .await
            .unwrap(),
        Retry::NotFound
    );
    let clicks = [
        database.retry_delivery(&acme, record.delivery.id),
        database.retry_delivery(&acme, record.delivery.id),
    ];
    let answers = futures_util::future::join_all(clicks).await;
    let accepted = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Retry::Accepted(_))))
        .count();
    assert_eq!(accepted, 1, "{answers:?}");
    let released = release_all(&database, &sql, erp).await;
    let facts: Vec<_> = released.iter().map(|it| (it.trigger, it.attempts)).collect();
    assert_eq!(facts, [(Trigger::Manual, 4)]);

    let done = delivered(&record);
    database.record(std::slice::from_ref(&done), AUTO_PAUSE).await.unwrap();
}

#[tokio::test]
async fn a_delivered_one_is_sent_again_on_request() {
    let (database, sql) = migrated().await;
    let (erp, acme) = (webhook(&database, "acme", "ERP Sync").await, admin("acme"));
    let done = delivered(&retrying(erp, "e", now()));
    database.record(std::slice::from_ref(&done), AUTO_PAUSE).await.unwrap();
    let again = database.retry_delivery(&acme, done.delivery.id).await.unwrap();
    assert!(matches!(again, Retry::Accepted(_)), "{again:?}");
    assert_eq!(
        database.retry_delivery(&acme, done.delivery.id).await.unwrap(),
        Retry::NotRetryable
    );
    // The outcome of the attempt that was made before comes once more: it changes nothing.
    database.record(std::slice::from_ref(&done), AUTO_PAUSE).await.unwrap();
    let released = release_all(&database, &sql, erp).await;
    let facts: Vec<_> = released.iter().map(|it| (it.trigger, it.attempts)).collect();
    assert_eq!(facts, [(Trigger::Manual, done.attempts)]);
    let known = database.known_delivery(done.delivery.id, None).await.unwrap().unwrap();
    assert_eq!((known.state, known.attempts), (DeliveryState::Queued, done.attempts));
}

#[tokio::test]
async fn a_retry_by_hand_waits_for_the_resume_of_a_paused_webhook() {
    let (database, sql) = migrated().await;
    let (erp, acme) = (webhook(&database, "acme", "ERP Sync").await, admin("acme"));
    let record = failed(erp, "e", now());
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    database.pause_webhook(&acme, erp).await.unwrap();
    assert!(matches!(
        database.retry_delivery(&acme, record.delivery.id).await.unwrap(),
        Retry::Accepted(_)
    ));
    assert_eq!(
        (release_all(&database, &sql, erp).await, held(&database, erp).await),
        (vec![], 1)
    );
    database.resume_webhook(&acme, erp, rate()).await.unwrap();
    assert_eq!(release_all(&database, &sql, erp).await[0].trigger, Trigger::Manual);
}

/// So many and no more.
fn counted(count: i64) -> Count {
    Count { count, more: false }
}

/// The deliveries of all types in this time.
fn range(since: Timestamp, until: Timestamp) -> RecoverRange {
    RecoverRange {
        since,
        until,
        event_types: None,
    }
}

/// One tenant's log may be large, and a count of it must not keep a connection for long.
#[tokio::test]
async fn counting_what_could_be_recovered_ends_at_ten_thousand() {
    let (database, sql) = migrated().await;
    let (erp, acme, begin) = (webhook(&database, "acme", "ERP Sync").await, admin("acme"), now());
    let record = failed(erp, "e0", begin);
    database.record(&[record], domain::AutoPause::default()).await.unwrap();
    let more = "INSERT INTO deliveries SELECT (json_populate_record(d, json_build_object('id', gen_random_uuid()))).*
        FROM deliveries d, generate_series(1, 10000)";
    assert_eq!(sql.execute(more, &[]).await.unwrap(), 10_000);
    let range = range(begin - 1.hour(), begin + 1.hour());
    let many = Count {
        count: 10_000,
        more: true,
    };
    assert_eq!(database.recoverable(&acme.account, erp, &range).await.unwrap(), many);
    assert_eq!(many.to_string(), "more than 10000");
    assert_eq!(
        database.recover(&acme, erp, &range).await.unwrap(),
        Recovery::Accepted(many)
    );
    let mut marked = 0;
    while let Some(step) = database.mark_recovered(rate()).await.unwrap() {
        marked += step;
    }
    assert_eq!(marked, 10_001, "all of them are sent again");
}

#[tokio::test]
async fn a_recovery_sends_what_failed_within_its_time_with_a_fresh_ladder() {
    let (database, sql) = migrated().await;
    let (erp, acme, begin) = (webhook(&database, "acme", "ERP Sync").await, admin("acme"), now());
    let records: Vec<_> = (0..2500)
        .map(|n| failed(erp, &format!("e{n}"), begin + i64::from(n).milliseconds()))
        .collect();
    for batch in records.chunks(500) {
        database
            .record(
                batch,
                domain::AutoPause {
                    after: 0,
                    within: std::time::Duration::ZERO,
                    suspended: false,
                },
            )
            .await
            .unwrap();
    }
    let until = begin + 2_400.milliseconds();
    let recovered = range(begin + 100.milliseconds(), until);
    assert_eq!(
        database.recoverable(&acme.account, erp, &recovered).await.unwrap(),
        counted(2_300)
    );
    assert_eq!(
        database.recoverable(&account("globex"), erp, &recovered).await.unwrap(),
        counted(0)
    );
    assert_eq!(
        database.recover(&admin("globex"), erp, &recovered).await.unwrap(),
        Recovery::NotFound
    );
    assert_eq!(
        database.recover(&acme, erp, &recovered).await.unwrap(),
        Recovery::Accepted(counted(2_300))
    );
    assert_eq!(
        database.recover(&acme, erp, &recovered).await.unwrap(),
        Recovery::UnderWay
    );
    let mut marked = 0;
    while let Some(step) = database.mark_recovered(rate()).await.unwrap() {
        marked += step;
    }
    assert_eq!((marked, database.finish_recoveries().await.unwrap()), (2_300, 0));
    assert_eq!(
        database
            .recovery_progress(&acme.account, erp)
            .await
            .unwrap()
            .unwrap()
            .waiting,
        2_300
    );
    // The first of them succeeds: only then the release rate grows.
    sql.execute("UPDATE webhooks SET failed_attempts = 0", &[])
        .await
        .unwrap();
    let released = release_all(&database, &sql, erp).await;
    assert_eq!(released.len(), 2_300);
    assert!(
        released
            .iter()
            .all(|it| (it.trigger, it.step, it.attempts) == (Trigger::Resume, 0, 4))
    );
    assert_eq!(database.finish_recoveries().await.unwrap(), 1);
    assert_eq!(database.recovery_progress(&acme.account, erp).await.unwrap(), None);
    assert_eq!(
        database
            .recoverable(&acme.account, erp, &range(begin, until + 1.hour()))
            .await
            .unwrap(),
        counted(200)
    );
}

#[tokio::test]
async fn a_recovery_of_some_event_types_leaves_the_others_failed() {
    let (database, sql) = migrated().await;
    let (erp, acme, begin) = (webhook(&database, "acme", "ERP Sync").await, admin("acme"), now());
    let types = ["deal.won", "deal.lost", "invoice.paid", "deal.lost"];
    let record = |(number, event_type): (usize, &&str)| {
        let mut record = failed(erp, &format!("e{number}"), begin);
        record.delivery.event_type = (*event_type).to_owned();
        record
    };
    let records: Vec<_> = types.iter().enumerate().map(record).collect();
    database.record(&records, AUTO_PAUSE).await.unwrap();
    let types = ["invoice.overdue", "deal.lost"].map(|name| EventType::parse(name).unwrap());
    let some = RecoverRange {
        event_types: Some(types.into_iter().collect()),
        ..range(begin - 1.hour(), begin + 1.hour())
    };
    assert_eq!(
        database.recoverable(&acme.account, erp, &some).await.unwrap(),
        counted(2)
    );
    assert_eq!(
        database.recover(&acme, erp, &some).await.unwrap(),
        Recovery::Accepted(counted(2))
    );
    while database.mark_recovered(rate()).await.unwrap().is_some() {}
    let queued = "SELECT string_agg(event_id, ' ' ORDER BY event_id) FROM deliveries WHERE state = 'queued'";
    assert_eq!(sql.query_one(queued, &[]).await.unwrap().get::<_, &str>(0), "e1 e3");
    let audited = database.audit_entries(&acme.account, erp, None, 1).await.unwrap();
    assert!(
        audited[0].detail.ends_with(", only deal.lost, invoice.overdue"),
        "{}",
        audited[0].detail
    );
}

#[tokio::test]
async fn a_delivery_lost_on_its_way_to_a_sender_goes_back_to_the_relay() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    hold(&database, erp, 2).await;
    database.schedule_missing_releases().await.unwrap();
    assert_eq!(release_all(&database, &sql, erp).await.len(), 2);
    let ten_minutes = jiff::SignedDuration::from_mins(10);
    assert_eq!(database.requeue_lost(ten_minutes, 10).await.unwrap(), 0);
    sql.execute("UPDATE deliveries SET updated_at = now() - interval '11 minutes'", &[])
        .await
        .unwrap();
    assert_eq!(database.requeue_lost(ten_minutes, 10).await.unwrap(), 2);
    assert_eq!(release_all(&database, &sql, erp).await.len(), 2);
}

#[tokio::test]
async fn a_retry_that_people_asked_for_stays_theirs_when_it_is_lost_on_its_way() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let by_hand = failed(erp, "by hand", now());
    database
        .record(std::slice::from_ref(&by_hand), AUTO_PAUSE)
        .await
        .unwrap();
    hold(&database, erp, 1).await;
    database.schedule_missing_releases().await.unwrap();
    assert!(matches!(
        database
            .retry_delivery(&admin("acme"), by_hand.delivery.id)
            .await
            .unwrap(),
        Retry::Accepted(_)
    ));
    let triggers = |released: Vec<Released>| {
        let mut triggers: Vec<_> = released
            .iter()
            .map(|it| (it.delivery.event_id.clone(), it.trigger))
            .collect();
        triggers.sort();
        triggers
    };
    let first = triggers(release_all(&database, &sql, erp).await);
    assert_eq!(
        first,
        [
            ("by hand".to_owned(), Trigger::Manual),
            ("e0".to_owned(), Trigger::Resume)
        ]
    );
    for _ in 0..2 {
        let long_ago = "UPDATE deliveries SET updated_at = now() - interval '1 day'";
        sql.execute(long_ago, &[]).await.unwrap();
        assert_eq!(
            database
                .requeue_lost(jiff::SignedDuration::from_mins(10), 10)
                .await
                .unwrap(),
            2
        );
        assert_eq!(triggers(release_all(&database, &sql, erp).await), first);
    }
}

/// A deferral of the delivery by 429, now; `deferred_for` as its job had it.
fn deferred(record: &DeliveryRecord, deferred_for: Duration) -> DeliveryRecord {
    let deferral = Deferral::new(DeferralCause::Throttled, Some(Duration::from_secs(1)));
    let attempt = AttemptRecord {
        next: Next::Deferred(deferral),
        deferred_for,
        ..attempt(Outcome::Http4xx, Some(429), now())
    };
    DeliveryRecord {
        disposition: Disposition::Spilled(OutboxEntry {
            deferral: Some(deferral),
            ..WAITS
        }),
        attempts: record.attempts + 1,
        attempt: Some(attempt),
        ..record.clone()
    }
}

#[tokio::test]
async fn time_without_senders_or_relay_is_not_time_in_which_a_delivery_is_deferred() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    let release = async |late: &str| {
        sql.execute("DELETE FROM release_signals", &[]).await.unwrap();
        let due = format!("UPDATE releases SET next_at = now() - interval '{late}'");
        sql.execute(&due, &[]).await.unwrap();
        release_all(&database, &sql, erp).await.remove(0).deferred_for.as_secs() / 3600
    };
    let passed = async |hours: i32| {
        let passed = "UPDATE deliveries SET deferred_since = deferred_since - make_interval(hours => $1)";
        sql.execute(passed, &[&hours]).await.unwrap();
    };
    let first = deferred(&retrying(erp, "e", now()), Duration::ZERO);
    database.record(std::slice::from_ref(&first), AUTO_PAUSE).await.unwrap();
    passed(5).await;
    assert_eq!(release("1 second").await, 5, "it waited, and the relay ran");

    // Its job lay in the queue for 20 hours without a sender.
    passed(20).await;
    let second = deferred(&first, 5 * HOUR);
    database
        .record(std::slice::from_ref(&second), AUTO_PAUSE)
        .await
        .unwrap();
    assert_eq!(release("1 second").await, 5);

    // And in the outbox for 30 hours without a relay.
    let third = deferred(&second, 5 * HOUR);
    database.record(std::slice::from_ref(&third), AUTO_PAUSE).await.unwrap();
    passed(30).await;
    assert_eq!(release("30 hours").await, 0);
}

#[tokio::test]
async fn an_account_has_as_many_turns_as_another_however_many_webhooks_it_has() {
    let (database, sql) = migrated().await;
    for number in 0..50 {
        let busy = webhook(&database, "acme", &format!("busy {number}")).await;
        let record = outbox(busy, &format!("e{number}"), now(), Disposition::Spilled(WAITS));
        database.record(&[record], AUTO_PAUSE).await.unwrap();
    }
    sql.execute("UPDATE releases SET next_at = now() - interval '1 minute'", &[])
        .await
        .unwrap();
    let other = webhook(&database, "beta", "one").await;
    let mut record = outbox(other, "e", now(), Disposition::Spilled(WAITS));
    record.delivery.account = account("beta");
    database.record(&[record], AUTO_PAUSE).await.unwrap();
    assert!(database.due_releases(2).await.unwrap().contains(&other));
    assert_eq!(database.due_releases(100).await.unwrap().len(), 51);
}

async fn limit(database: &Database, webhook: WebhookId, max_per_second: Option<i32>) {
    let limit = Edit {
        max_per_second: Some(max_per_second),
        ..Edit::default()
    };
    database
        .edit_webhook(&admin("acme"), webhook, &limit, None)
        .await
        .unwrap();
}

/// What a relay releases in this time, while `meanwhile` is done before each turn.
async fn released_in(database: &Database, webhook: WebhookId, time: Duration, meanwhile: impl AsyncFn()) -> usize {
    let begun = std::time::Instant::now();
    let mut released = 0;
    while begun.elapsed() < time {
        meanwhile().await;
        if let Release::Released(count) = database.release(webhook, rate(), async |_| true).await.unwrap() {
            released += count;
        }
    }
    released
}

#[tokio::test]
async fn a_limit_holds_whatever_asks_for_an_earlier_turn() {
    let (database, sql) = migrated().await;
    let (erp, acme) = (webhook(&database, "acme", "ERP Sync").await, admin("acme"));
    limit(&database, erp, Some(2)).await;
    for number in 0..60 {
        let record = failed(erp, &format!("f{number}"), now());
        database.record(&[record], AUTO_PAUSE).await.unwrap();
    }
    database.resume_webhook(&acme, erp, rate()).await.unwrap();
    hold(&database, erp, 60).await;
    let failed_one = "SELECT id FROM deliveries WHERE state = 'failed' LIMIT 1";
    let other_url = AtomicBool::new(false);
    let released = released_in(&database, erp, Duration::from_secs(3), async || {
        // Somebody retries one after the other by hand, somebody else changes the URL, and pauses and resumes.
        let id: uuid::Uuid = sql.query_one(failed_one, &[]).await.unwrap().get(0);
        database.retry_delivery(&acme, id.into()).await.unwrap();
        let moved_to = if other_url.fetch_xor(true, Ordering::Relaxed) {
            "https://a.example.com/"
        } else {
            "https://b.example.com/"
        };
        let moved = Edit {
            url: Some(url(moved_to)),
            ..Edit::default()
        };
        database.edit_webhook(&acme, erp, &moved, None).await.unwrap();
        database.pause_webhook(&acme, erp).await.unwrap();
        database.resume_webhook(&acme, erp, rate()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(70)).await;
    })
    .await;
    assert!((2..=8).contains(&released), "{released} in 3 s at 2 a second");
}

#[tokio::test]
async fn a_limit_holds_after_turns_that_were_missed() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    limit(&database, erp, Some(10)).await;
    hold(&database, erp, 40).await;
    database.schedule_missing_releases().await.unwrap();
    let gap = "UPDATE releases SET next_at = now() - interval '1 minute'";
    sql.execute(gap, &[]).await.unwrap();
    let released = released_in(&database, erp, Duration::from_secs(1), async || {}).await;
    assert!((5..=13).contains(&released), "{released} in 1 s at 10 a second");
}

#[tokio::test]
async fn a_webhooks_own_limit_bounds_its_release_rate() {
    let (database, sql) = migrated().await;
    let erp = webhook(&database, "acme", "ERP Sync").await;
    limit(&database, erp, Some(5)).await;
    hold(&database, erp, 8).await;
    database.schedule_missing_releases().await.unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(release_all(&database, &sql, erp).await.len(), 8);
    // One at once, then one each fifth of a second.
    let least = Duration::from_millis(7 * 200 - 150);
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    limit(&database, erp, None).await;
    let stored = database.webhook(&account("acme"), erp).await.unwrap().unwrap();
    assert_eq!(stored.max_per_second, None);
}
