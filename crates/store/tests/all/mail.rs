//! Claiming notifications to send by mail.

use std::time::Duration;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::fixture::{migrated, webhook};

/// Everything claimed may be claimed again.
const LEASES_END: &str = "UPDATE notifications SET mail_next_at = now()";

async fn notify(sql: &Client, account: &str, webhook: Uuid, minutes_ago: i32) {
    let add = "INSERT INTO notifications (id, account, webhook_id, kind, message, created_at)
        VALUES (gen_random_uuid(), $1, $2, 'webhook.auto_paused', 'm', now() - make_interval(mins => $3))";
    sql.execute(add, &[&account, &webhook, &minutes_ago]).await.unwrap();
}

#[tokio::test]
async fn a_notification_is_claimed_by_one_at_a_time_until_it_is_mailed() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    notify(&sql, "acme", webhook.0, 0).await;
    let held = "INSERT INTO held_counts VALUES ($1, 3), ($1, -1)";
    sql.execute(held, &[&webhook.0]).await.unwrap();

    let first = database.claim_mail().await.unwrap().unwrap();
    let shown = first
        .webhook
        .as_ref()
        .map(|webhook| (webhook.name.as_str(), webhook.held));
    assert_eq!((shown, first.tries), (Some(("ERP Sync", 2)), 1));
    assert!(database.claim_mail().await.unwrap().is_none());

    database.mail_later(&first, Duration::ZERO).await.unwrap();
    let second = database.claim_mail().await.unwrap().unwrap();
    assert_eq!((second.notification.id, second.tries), (first.notification.id, 2));
    // A process that was too slow has lost the claim.
    database.mail_later(&first, Duration::ZERO).await.unwrap();
    assert!(database.claim_mail().await.unwrap().is_none());

    database.mail_done(&second).await.unwrap();
    sql.batch_execute(LEASES_END).await.unwrap();
    assert!(database.claim_mail().await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_older_than_a_day_is_not_mailed() {
    let (database, sql) = migrated().await;
    notify(&sql, "acme", Uuid::now_v7(), 24 * 60 + 1).await;
    assert!(database.claim_mail().await.unwrap().is_none());
    notify(&sql, "acme", Uuid::now_v7(), 24 * 60 - 1).await;
    assert!(
        database
            .claim_mail()
            .await
            .unwrap()
            .is_some_and(|mail| mail.webhook.is_none())
    );
}

#[tokio::test]
async fn a_mail_tells_nothing_of_another_accounts_webhook() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    notify(&sql, "globex", webhook.0, 0).await;
    assert!(
        database
            .claim_mail()
            .await
            .unwrap()
            .is_some_and(|mail| mail.webhook.is_none())
    );
}

/// Writes down that a webhook failed or recovered, so many minutes ago.
async fn turn(sql: &Client, account: &str, webhook: Uuid, kind: &str, minutes_ago: i32) {
    let add = "INSERT INTO notifications (id, account, webhook_id, kind, message, created_at)
        VALUES (gen_random_uuid(), $1, $2, 'webhook.' || $3::text, 'm', now() - make_interval(mins => $4))";
    sql.execute(add, &[&account, &webhook, &kind, &minutes_ago])
        .await
        .unwrap();
}

async fn an_hour_passes(sql: &Client) {
    let pass = "UPDATE notifications SET mailed_at = mailed_at - interval '61 minutes', mail_next_at = now(),
        created_at = created_at - interval '61 minutes', published_at = published_at - interval '61 minutes'";
    sql.batch_execute(pass).await.unwrap();
}

#[tokio::test]
async fn a_webhook_that_flaps_has_one_mail_an_hour_which_counts_the_rest() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await.0;
    let mail = async || database.claim_mail().await.unwrap();
    turn(&sql, "acme", webhook, "failing", 40).await;
    let first = mail().await.unwrap();
    assert!(first.earlier.is_empty());
    database.mail_done(&first).await.unwrap();
    for round in 0..20 {
        turn(&sql, "acme", webhook, "recovered", 39 - round).await;
        turn(&sql, "acme", webhook, "failing", 39 - round).await;
        database.supersede_notifications().await.unwrap();
        assert!(mail().await.is_none(), "{round}");
    }
    an_hour_passes(&sql).await;
    let second = mail().await.unwrap();
    let mut earlier: Vec<_> = second
        .earlier
        .iter()
        .map(|(kind, times)| (<&str>::from(kind), *times))
        .collect();
    earlier.sort_unstable();
    let told = earlier.iter().map(|(_, times)| times).sum::<i64>();
    assert_eq!((earlier.len(), told), (2, 39), "{earlier:?}");
    database.mail_done(&second).await.unwrap();
    an_hour_passes(&sql).await;
    assert!(mail().await.is_none(), "what was counted is told");
}

#[tokio::test]
async fn a_pause_is_mailed_at_once() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await.0;
    turn(&sql, "acme", webhook, "failing", 10).await;
    let failing = database.claim_mail().await.unwrap().unwrap();
    database.mail_done(&failing).await.unwrap();
    turn(&sql, "acme", webhook, "auto_paused", 5).await;
    let paused = database.claim_mail().await.unwrap().unwrap();
    assert_eq!(paused.notification.kind.to_string(), "webhook.auto_paused");
    database.mail_done(&paused).await.unwrap();
    turn(&sql, "acme", webhook, "recovered", 1).await;
    assert!(database.claim_mail().await.unwrap().is_none());
}

#[tokio::test]
async fn one_account_leaves_mails_to_the_others() {
    let (database, sql) = migrated().await;
    for _ in 0..50 {
        turn(&sql, "acme", Uuid::now_v7(), "failing", 30).await;
    }
    turn(&sql, "globex", Uuid::now_v7(), "failing", 1).await;
    let mut accounts = Vec::new();
    while let Some(mail) = database.claim_mail().await.unwrap() {
        accounts.push(mail.notification.account.to_string());
        database.mail_done(&mail).await.unwrap();
        if mail.notification.account.as_str() == "globex" {
            assert_eq!(mail.others, 0);
        } else {
            assert!(mail.others > 0);
        }
    }
    assert!(accounts[..2].contains(&"globex".to_owned()), "{accounts:?}");
    assert_eq!(accounts.len(), 20 + 1);
}

#[tokio::test]
async fn a_webhook_that_flaps_is_told_a_few_times_an_hour_and_then_how_it_is() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await.0;
    for round in 0..20 {
        turn(&sql, "acme", webhook, "failing", 50 - 2 * round).await;
        turn(&sql, "acme", webhook, "recovered", 49 - 2 * round).await;
    }
    turn(&sql, "acme", Uuid::now_v7(), "failing", 1).await;
    let publish = async || {
        let mut kinds = Vec::new();
        database.supersede_notifications().await.unwrap();
        let take = |some: Vec<store::notifications::Notification>| {
            kinds.extend(
                some.iter()
                    .map(|one| (one.webhook.0 == webhook, <&str>::from(one.kind))),
            );
            let taken = some.iter().map(|one| one.id).collect();
            async { taken }
        };
        database.publish_notifications(100, take).await.unwrap();
        kinds
    };
    let (failing, recovered) = ((true, "webhook.failing"), (true, "webhook.recovered"));
    let told = publish().await;
    assert_eq!(
        told,
        [failing, recovered, failing, recovered, (false, "webhook.failing")]
    );
    assert_eq!(publish().await, []);
    let shown = database
        .notifications(&crate::fixture::account("acme"), None, None, 100)
        .await
        .unwrap();
    assert_eq!(
        shown.len(),
        4 + 1 + 1,
        "and in the console the newest stands beside them"
    );
    assert_eq!(
        database
            .unread_notifications(&crate::fixture::account("acme"))
            .await
            .unwrap(),
        6
    );
    an_hour_passes(&sql).await;
    assert_eq!(publish().await, [recovered], "how it is now is told in the end");

    turn(&sql, "acme", webhook, "auto_paused", 0).await;
    assert_eq!(publish().await, [(true, "webhook.auto_paused")]);
}
