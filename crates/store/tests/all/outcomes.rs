//! Committing outcomes.

use domain::{DeliveryId, DeliveryState, Outcome, Trigger, WebhookId};
use jiff::{Timestamp, ToSpan};
use store::StoreError;
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition, Known};

use crate::fixture::{AUTO_PAUSE, WAITS, account, attempt, delivered, migrated, now, retrying};

fn webhook() -> WebhookId {
    WebhookId::generate()
}

#[tokio::test]
async fn a_batch_is_written_and_a_repeat_is_the_same_rows() {
    let (database, sql) = migrated().await;
    let batch: Vec<_> = (0..300)
        .map(|number| retrying(webhook(), &format!("evt-{number}"), now()))
        .collect();
    for _ in 0..3 {
        database.record(&batch, AUTO_PAUSE).await.unwrap();
    }
    for table in ["deliveries", "attempts"] {
        let rows: i64 = sql
            .query_one(&format!("SELECT count(*) FROM {table}"), &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(rows, 300, "{table}");
    }
    let first = &batch[0];
    let known = database
        .known_delivery(first.delivery.id, Some(first.delivery.accepted_at))
        .await
        .unwrap();
    let known = known.unwrap();
    let due_in = known.due_in.unwrap().as_secs_f64();
    assert!((1.0..=60.0).contains(&due_in), "{due_in}");
    let expected = Known {
        state: DeliveryState::Retrying,
        attempts: 1,
        step: 1,
        created_at: first.delivery.accepted_at,
        due_in: known.due_in,
    };
    assert_eq!(known, expected);
    let anywhere = database.known_delivery(first.delivery.id, None).await.unwrap();
    assert_eq!(
        anywhere,
        Some(Known {
            due_in: anywhere.and_then(|known| known.due_in),
            ..expected
        })
    );
    let another_day = first.delivery.accepted_at - 24.hours();
    assert_eq!(
        database
            .known_delivery(first.delivery.id, Some(another_day))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        database
            .known_delivery(DeliveryId::from_bytes([9; 16]), None)
            .await
            .unwrap(),
        None
    );
    database.record(&[], AUTO_PAUSE).await.unwrap();
}

#[tokio::test]
async fn a_delivery_moves_on_and_never_back() {
    let (database, _sql) = migrated().await;
    let first = retrying(webhook(), "evt", now());
    let held = DeliveryRecord {
        disposition: Disposition::Held(WAITS),
        attempt: None,
        ..first.clone()
    };
    let done = delivered(&first);
    let late = DeliveryRecord {
        disposition: Disposition::Failed { error: None },
        attempts: 3,
        attempt: Some(attempt(Outcome::Http4xx, Some(404), first.delivery.accepted_at)),
        ..done.clone()
    };
    let state = async || {
        let known = database
            .known_delivery(first.delivery.id, Some(first.delivery.accepted_at))
            .await
            .unwrap()
            .unwrap();
        (known.state, known.attempts)
    };
    for (record, expected) in [
        (&first, (DeliveryState::Retrying, 1)),
        (&held, (DeliveryState::Held, 1)),
        (&done, (DeliveryState::Delivered, 2)),
        // A job that was delivered twice by the broker, and one that raced with the success.
        (&first, (DeliveryState::Delivered, 2)),
        (&late, (DeliveryState::Delivered, 2)),
    ] {
        database.record(std::slice::from_ref(record), AUTO_PAUSE).await.unwrap();
        assert_eq!(state().await, expected);
    }
}

#[tokio::test]
async fn an_earlier_attempt_told_late_changes_no_later_state() {
    let (database, _sql) = migrated().await;
    let first = retrying(webhook(), "evt", now());
    let second = DeliveryRecord {
        attempts: 2,
        step: 2,
        ..first.clone()
    };
    database
        .record(std::slice::from_ref(&second), AUTO_PAUSE)
        .await
        .unwrap();
    database.record(std::slice::from_ref(&first), AUTO_PAUSE).await.unwrap();
    let known = database.known_delivery(first.delivery.id, None).await.unwrap().unwrap();
    assert_eq!((known.attempts, known.step), (2, 2));
    let detail = database
        .delivery(&account("acme"), first.delivery.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        detail.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(),
        [1, 2]
    );
}

#[tokio::test]
async fn an_attempt_stays_as_it_was_first_told() {
    let (database, _sql) = migrated().await;
    let first = retrying(webhook(), "evt", now());
    let repeated = DeliveryRecord {
        attempt: Some(AttemptRecord {
            trigger: Trigger::Retry,
            ..attempt(Outcome::Timeout, None, first.delivery.accepted_at + 1.second())
        }),
        ..first.clone()
    };
    database.record(std::slice::from_ref(&first), AUTO_PAUSE).await.unwrap();
    database
        .record(std::slice::from_ref(&repeated), AUTO_PAUSE)
        .await
        .unwrap();
    let detail = database
        .delivery(&account("acme"), first.delivery.id)
        .await
        .unwrap()
        .unwrap();
    let [attempt] = &detail.attempts[..] else {
        panic!("{:?}", detail.attempts)
    };
    assert_eq!(
        (attempt.outcome, attempt.http_status, attempt.at),
        (Outcome::Http5xx, Some(503), first.delivery.accepted_at)
    );
    assert_eq!(
        (attempt.trigger, attempt.response_excerpt.as_deref()),
        (Trigger::Event, Some(&b"busy \xff"[..]))
    );
}

#[tokio::test]
async fn the_payload_is_kept_byte_for_byte() {
    let (database, _sql) = migrated().await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(256 * 1024).collect();
    for (number, payload) in [
        every_byte,
        br#"{"a":1.10,"b":"\u0000\ud800","a":2}"#.to_vec(),
        Vec::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let mut record = retrying(webhook(), &number.to_string(), now());
        record.delivery.payload = payload.clone().into();
        database
            .record(std::slice::from_ref(&record), AUTO_PAUSE)
            .await
            .unwrap();
        // A duplicate may not replace it.
        let mut other = record.clone();
        other.delivery.payload = "another".into();
        database.record(&[other], AUTO_PAUSE).await.unwrap();
        let detail = database
            .delivery(&account("acme"), record.delivery.id)
            .await
            .unwrap()
            .unwrap();
        assert!(detail.payload == payload);
    }
}

#[tokio::test]
async fn a_missing_partition_is_made_on_the_way() {
    let (database, sql) = migrated().await;
    let days = [40, 41, 400].map(|days| now() - (24 * days).hours());
    let batch = days.map(|day| retrying(webhook(), &day.to_string(), day));
    // From two places at once.
    let (left, right) = tokio::join!(database.record(&batch, AUTO_PAUSE), database.record(&batch, AUTO_PAUSE));
    left.and(right).unwrap();
    let rows: i64 = sql
        .query_one("SELECT count(*) FROM deliveries", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(rows, 3);
}

#[tokio::test]
async fn the_last_and_the_first_instant_of_a_day_are_filed_right() {
    let (database, _sql) = migrated().await;
    for text in ["2026-11-23T23:59:59.999999999Z", "2026-11-24T00:00:00Z"] {
        let created_at: Timestamp = text.parse().unwrap();
        let record = retrying(webhook(), text, created_at);
        database
            .record(std::slice::from_ref(&record), AUTO_PAUSE)
            .await
            .unwrap();
        let known = database
            .known_delivery(record.delivery.id, Some(created_at))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(known.created_at.as_microsecond(), created_at.as_microsecond());
    }
}

#[tokio::test]
async fn a_record_that_can_never_be_written_is_refused_and_takes_its_batch_along() {
    let (database, sql) = migrated().await;
    let good = retrying(webhook(), "good", now());
    let poison = retrying(webhook(), "nul \0 inside", now());
    let twice = [good.clone(), good.clone()];
    for batch in [&[good.clone(), poison][..], &twice[..]] {
        let refused = database.record(batch, AUTO_PAUSE).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Refused(_)) && !refused.is_unavailable(),
            "{refused:?}"
        );
    }
    let rows: i64 = sql
        .query_one("SELECT count(*) FROM deliveries", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(rows, 0);
    database.record(&[good], AUTO_PAUSE).await.unwrap();
}

#[tokio::test]
async fn a_delivery_without_an_attempt_says_why() {
    let (database, _sql) = migrated().await;
    let record = DeliveryRecord {
        disposition: Disposition::Failed {
            error: Some("the webhook was deleted".to_owned()),
        },
        attempts: 0,
        attempt: None,
        ..retrying(webhook(), "evt", now())
    };
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    let detail = database
        .delivery(&account("acme"), record.delivery.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (detail.delivery.error.as_deref(), detail.attempts.len()),
        (Some("the webhook was deleted"), 0)
    );
    assert_eq!(database.backlog().await.unwrap(), store::Backlog::default());
}
