//! Reading the log.

use std::cmp::Reverse;

use domain::{DeliveryState, WebhookId};
use jiff::ToSpan;
use store::delivery_log::{Filter, Place};
use store::outcomes::DeliveryRecord;

use crate::fixture::{AUTO_PAUSE, account, delivered, migrated, now, retrying};

/// Forty deliveries over five days, in pairs of the same instant.
fn forty(webhook: WebhookId) -> Vec<DeliveryRecord> {
    let newest = now();
    let record = |number: i64| {
        let record = retrying(webhook, &format!("evt-{number}"), newest - (6 * (number / 2)).hours());
        if number % 3 == 0 { delivered(&record) } else { record }
    };
    (0..40).map(record).collect()
}

#[tokio::test]
async fn pages_run_from_the_newest_on_across_days_and_back() {
    let (database, _sql) = migrated().await;
    let webhook = WebhookId::generate();
    let mut records = forty(webhook);
    database.record(&records, AUTO_PAUSE).await.unwrap();
    records.sort_by_key(|record| Reverse((record.delivery.accepted_at, record.delivery.id)));
    let expected: Vec<_> = records.iter().map(|record| record.delivery.id).collect();
    // PostgreSQL considers a generic plan after five uses, so small pages use both kinds.
    for limit in [1, 7, 40, 100] {
        let (mut seen, mut filter) = (Vec::new(), Filter::default());
        loop {
            let page = database
                .deliveries(&account("acme"), webhook, &filter, limit)
                .await
                .unwrap();
            seen.extend(page.iter().map(|delivery| delivery.id));
            let Some(last) = page.last() else { break };
            filter.place = Place::After(last.created_at, last.id);
        }
        assert_eq!(seen, expected, "{limit}");
        let (oldest, mut back) = (records.last().unwrap(), Vec::new());
        filter.place = Place::Before(oldest.delivery.accepted_at, oldest.delivery.id);
        loop {
            let page = database
                .deliveries(&account("acme"), webhook, &filter, limit)
                .await
                .unwrap();
            let Some(first) = page.first() else { break };
            filter.place = Place::Before(first.created_at, first.id);
            back.splice(..0, page.iter().map(|delivery| delivery.id));
        }
        assert_eq!(back, expected[..39], "{limit}");
    }
}

#[tokio::test]
async fn filters_are_all_applied() {
    let (database, _sql) = migrated().await;
    let webhook = WebhookId::generate();
    let mut records = forty(webhook);
    records[5].delivery.event_type = "deal.lost".to_owned();
    database.record(&records, AUTO_PAUSE).await.unwrap();
    let count = async |filter: Filter| {
        database
            .deliveries(&account("acme"), webhook, &filter, 100)
            .await
            .unwrap()
            .len()
    };
    let (since, until) = (records[30].delivery.accepted_at, records[10].delivery.accepted_at);
    let state = Some(DeliveryState::Delivered);
    // The first and last instants hold two each; the last is left out.
    for _ in 0..7 {
        assert_eq!(
            count(Filter {
                state,
                ..Filter::default()
            })
            .await,
            14
        );
        assert_eq!(
            count(Filter {
                event_type: Some("deal.lost".to_owned()),
                ..Filter::default()
            })
            .await,
            1
        );
        assert_eq!(
            count(Filter {
                since: Some(since),
                ..Filter::default()
            })
            .await,
            32
        );
        assert_eq!(
            count(Filter {
                until: Some(until),
                ..Filter::default()
            })
            .await,
            28
        );
        assert_eq!(
            count(Filter {
                since: Some(since),
                until: Some(until),
                ..Filter::default()
            })
            .await,
            20
        );
        let both = Filter {
            state,
            since: Some(since),
            until: Some(until),
            ..Filter::default()
        };
        assert_eq!(count(both).await, 7);
    }
}

#[tokio::test]
async fn the_log_of_another_account_or_webhook_is_empty() {
    let (database, _sql) = migrated().await;
    let webhook = WebhookId::generate();
    let record = retrying(webhook, "evt", now());
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    let filter = Filter::default();
    assert_eq!(
        database
            .deliveries(&account("globex"), webhook, &filter, 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        database
            .deliveries(&account("acme"), WebhookId::generate(), &filter, 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        database.delivery(&account("globex"), record.delivery.id).await.unwrap(),
        None
    );
    assert_eq!(
        database
            .deliveries(&account("acme"), webhook, &filter, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}
