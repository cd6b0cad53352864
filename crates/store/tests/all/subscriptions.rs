//! Webhooks as fanout and senders read them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use domain::{Condition, EventType, EventTypeSet};
use store::webhooks::NewWebhook;

use crate::fixture::{account, admin, migrated, new_webhook, webhook};

const MANY: i64 = 50_000;

const ADD_MANY: &str = "INSERT INTO webhooks (id, account, name, url, event_types)
    SELECT gen_random_uuid(), 'account-' || n % 1000, 'n', 'https://erp.example.com/', '{deal.won,invoice.paid}'
    FROM generate_series(1, $1::bigint) n";

#[tokio::test]
async fn every_subscription_is_handed_over_quickly() {
    let (database, sql) = migrated().await;
    sql.execute(ADD_MANY, &[&MANY]).await.unwrap();
    let (mut webhooks, mut accounts) = (HashSet::new(), HashSet::new());
    let begun = Instant::now();
    database
        .subscriptions(|subscription| {
            assert_eq!(subscription.event_types.len(), 2);
            webhooks.insert(subscription.webhook);
            accounts.insert(subscription.account);
        })
        .await
        .unwrap();
    assert_eq!((webhooks.len(), accounts.len()), (MANY as usize, 1000));
    // A million takes under 3 s in release; this bound is for an unoptimised build on a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_subscription_and_one_target() {
    let (database, sql) = migrated().await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    let subscription = database.subscription(id).await.unwrap().unwrap();
    assert_eq!((subscription.account, subscription.webhook), (account("acme"), id));
    assert_eq!(subscription.event_types, new_webhook("").event_types);
    let endpoint = database.endpoint(id).await.unwrap().unwrap();
    assert_eq!(
        (endpoint.account, endpoint.url.as_str()),
        (account("acme"), "https://erp.example.com/hook")
    );
    assert!(!endpoint.paused && endpoint.secrets.len() == 1);
    sql.execute("UPDATE webhooks SET paused_reason = 'gone', paused_at = now()", &[])
        .await
        .unwrap();
    assert!(database.endpoint(id).await.unwrap().unwrap().paused);
}

#[tokio::test]
async fn conditions_and_every_type_are_stored_so_that_an_older_release_misses_nothing() {
    let (database, sql) = migrated().await;
    let new = NewWebhook {
        event_types: EventTypeSet::EVERY,
        conditions: [Condition::parse("amount", "gt", Some("1000")).unwrap()]
            .into_iter()
            .collect(),
        ..new_webhook("ERP Sync")
    };
    let created = database.create_webhook(&admin("acme"), &new, 9).await.unwrap().unwrap();
    assert_eq!(
        (created.event_types, &created.conditions),
        (new.event_types, &new.conditions)
    );
    let subscription = database.subscription(created.id).await.unwrap().unwrap();
    assert_eq!(
        (subscription.event_types, &subscription.conditions),
        (new.event_types, &new.conditions)
    );
    let row = sql
        .query_one("SELECT event_types, conditions::text FROM webhooks", &[])
        .await
        .unwrap();
    let names: Vec<String> = row.get(0);
    assert!(names[0] == "*" && names.len() == 1 + EventType::COUNT, "{names:?}");
    // As a release without `*` reads and writes it, and as one with more operators does.
    let newer = r#"[{"op":"matches","field":"a","value":"x"},{"op":"exists","field":"b"}]"#;
    let update = "UPDATE webhooks SET event_types = event_types[2:3], conditions = $1::text::jsonb";
    sql.execute(update, &[&newer]).await.unwrap();
    let subscription = database.subscription(created.id).await.unwrap().unwrap();
    assert_eq!(
        (subscription.event_types.len(), subscription.event_types.is_every()),
        (2, false)
    );
    assert_eq!(subscription.conditions.to_json(), r#"[{"field":"b","op":"exists"}]"#);
    let long = "UPDATE webhooks SET conditions = (SELECT jsonb_agg(n) FROM generate_series(1, 11) n)";
    assert!(sql.execute(long, &[]).await.is_err());
}

#[tokio::test]
async fn a_type_of_a_newer_release_is_left_out() {
    let (database, sql) = migrated().await;
    let id = webhook(&database, "acme", "ERP Sync").await;
    sql.execute("UPDATE webhooks SET event_types = '{deal.won,moon.landed}'", &[])
        .await
        .unwrap();
    assert_eq!(database.subscription(id).await.unwrap().unwrap().event_types.len(), 1);
}
