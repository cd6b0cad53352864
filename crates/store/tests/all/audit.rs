//! A change and its audit entry are written together, or neither is.

use domain::{AuditAction, ReleaseRate, SigningSecret, WebhookId};
use jiff::{Timestamp, ToSpan};
use store::Database;
use store::audit::AuditFilter;
use store::bearer::Who;
use store::recover::{RecoverRange, Retry};
use store::sessions::SessionFilter;
use store::tokens::{NewToken, Role};
use store::webhooks::{Creation, Edit, EditOutcome, WebhookFilter};

use crate::fixture::{AUTO_PAUSE, account, admin, attempt, migrated, new_webhook, now, retrying, url, webhook};

/// Makes the trail refuse every entry.
const BREAK_THE_TRAIL: &str = "ALTER TABLE audit_entries ADD CONSTRAINT broken CHECK (at < '2000-01-01') NOT VALID";

async fn trail(database: &Database, id: WebhookId) -> Vec<(AuditAction, String)> {
    let entries = database.audit_entries(&account("acme"), id, None, 100).await.unwrap();
    assert!(entries.iter().all(|entry| entry.by == admin("acme").who));
    entries
        .into_iter()
        .rev()
        .map(|entry| (entry.action, entry.detail))
        .collect()
}

/// A delivery that has failed for good.
async fn failed(database: &Database, id: WebhookId) -> domain::DeliveryId {
    let record = retrying(id, "evt-1", now());
    let record = store::outcomes::DeliveryRecord {
        disposition: store::outcomes::Disposition::Failed { error: None },
        attempt: Some(attempt(
            domain::Outcome::Http4xx,
            Some(400),
            record.delivery.accepted_at,
        )),
        ..record
    };
    let delivery = record.delivery.id;
    database.record(&[record], AUTO_PAUSE).await.unwrap();
    delivery
}

#[tokio::test]
async fn every_change_is_written_down_and_nothing_that_changed_nothing() {
    let (database, _sql) = migrated().await;
    let (by, rate) = (admin("acme"), ReleaseRate::new(50.0));
    let new = new_webhook("ERP Sync");
    let id = database.create_webhook(&by, &new, 9).await.unwrap().unwrap().id;
    let again = database.create_webhook_as(&by, id, &new, 9).await.unwrap();
    assert!(matches!(again, Creation::Existed(webhook) if webhook.id == id));
    let edit = Edit {
        name: Some("Ledger".to_owned()),
        url: Some(url("https://a.example.com/")),
        ..Edit::default()
    };
    database.edit_webhook(&by, id, &edit, Some(1)).await.unwrap();
    assert_eq!(
        database.edit_webhook(&by, id, &edit, Some(1)).await.unwrap(),
        EditOutcome::Stale
    );
    for _ in 0..2 {
        database.pause_webhook(&by, id).await.unwrap().unwrap();
    }
    for _ in 0..2 {
        database.resume_webhook(&by, id, rate).await.unwrap().unwrap();
    }
    database
        .rotate_secret(&by, id, &SigningSecret::generate())
        .await
        .unwrap()
        .unwrap();
    let delivery = failed(&database, id).await;
    let range = RecoverRange {
        since: now() - 1.hour(),
        until: now() + 1.hour(),
        event_types: None,
    };
    for _ in 0..2 {
        database.recover(&by, id, &range).await.unwrap();
    }
    for _ in 0..2 {
        database.retry_delivery(&by, delivery).await.unwrap();
    }
    database.delete_webhook(&by, id, Some(7)).await.unwrap();
    database.delete_webhook(&by, id, None).await.unwrap();
    let expected = [
        (AuditAction::Created, "URL (https://erp.example.com/…)".to_owned()),
        (
            AuditAction::Edited,
            "name, URL (https://erp.example.com/… to https://a.example.com/…)".to_owned(),
        ),
        (AuditAction::Paused, String::new()),
        (AuditAction::Resumed, String::new()),
        (AuditAction::SecretRotated, String::new()),
        (
            AuditAction::Recovered,
            format!("1 from {} to {}", range.since, range.until),
        ),
        (AuditAction::Retried, delivery.to_string()),
        (AuditAction::Deleted, String::new()),
    ];
    assert_eq!(trail(&database, id).await, expected);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let (database, sql) = migrated().await;
    let (by, rate) = (admin("acme"), ReleaseRate::new(50.0));
    let id = webhook(&database, "acme", "ERP Sync").await;
    let paused = webhook(&database, "acme", "Ledger").await;
    database.pause_webhook(&by, paused).await.unwrap().unwrap();
    let delivery = failed(&database, id).await;
    let secret = database.current_secret(&by.account, id).await.unwrap().unwrap();
    sql.batch_execute(BREAK_THE_TRAIL).await.unwrap();

    let edit = Edit {
        name: Some("Taken over".to_owned()),
        ..Edit::default()
    };
    assert!(database.create_webhook(&by, &new_webhook("Another"), 9).await.is_err());
    assert!(database.edit_webhook(&by, id, &edit, None).await.is_err());
    assert!(database.pause_webhook(&by, id).await.is_err());
    assert!(database.resume_webhook(&by, paused, rate).await.is_err());
    assert!(
        database
            .rotate_secret(&by, id, &SigningSecret::generate())
            .await
            .is_err()
    );
    assert!(database.retry_delivery(&by, delivery).await.is_err());
    let range = RecoverRange {
        since: Timestamp::UNIX_EPOCH,
        until: now() + 1.hour(),
        event_types: None,
    };
    assert!(database.recover(&by, id, &range).await.is_err());
    assert!(database.delete_webhook(&by, id, None).await.is_err());

    let all = database
        .find_webhooks(&by.account, &WebhookFilter::default(), 10)
        .await
        .unwrap();
    let named: Vec<_> = all
        .iter()
        .map(|webhook| (webhook.name.as_str(), webhook.paused_at.is_some()))
        .collect();
    assert_eq!(named, [("ERP Sync", false), ("Ledger", true)]);
    assert_eq!(
        database
            .current_secret(&by.account, id)
            .await
            .unwrap()
            .unwrap()
            .expose(),
        secret.expose()
    );
    assert!(database.recovery_progress(&by.account, id).await.unwrap().is_none());
    sql.batch_execute("ALTER TABLE audit_entries DROP CONSTRAINT broken")
        .await
        .unwrap();
    assert!(
        matches!(
            database.retry_delivery(&by, delivery).await.unwrap(),
            Retry::Accepted(_)
        ),
        "it is still failed"
    );
}

#[tokio::test]
async fn the_trail_outlives_the_delivery_log_and_ends_by_a_retention_of_its_own() {
    let (database, sql) = migrated().await;
    let add = "INSERT INTO audit_entries (id, at, account, token_id, action)
        SELECT gen_random_uuid(), now() - make_interval(days => d), 'acme', gen_random_uuid(), 'signed_in'
        FROM unnest('{1,31,364,366,4000}'::int[]) d";
    sql.batch_execute(add).await.unwrap();
    let refused = sql.batch_execute("DELETE FROM audit_entries").await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("only added to"));

    database.apply_retention(1).await.unwrap().unwrap();
    let left = async || {
        sql.query_one("SELECT count(*) FROM audit_entries", &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
    };
    assert_eq!(left().await, 5, "the log's retention is not the trail's");
    assert_eq!(database.delete_old_audit_entries(365).await.unwrap(), 2);
    assert_eq!(left().await, 3);
}

#[tokio::test]
async fn pages_of_an_account_go_from_the_newest_on() {
    let (database, sql) = migrated().await;
    // In pairs of the same instant.
    let add = "INSERT INTO audit_entries (id, at, account, token_id, action, detail)
        SELECT gen_random_uuid(), '2026-11-01'::timestamptz + make_interval(hours => n / 2),
            CASE n WHEN 3 THEN 'globex' ELSE 'acme' END, gen_random_uuid(), 'signed_in', n::text
        FROM generate_series(0, 8) n";
    sql.batch_execute(add).await.unwrap();
    let acme = account("acme");
    let (mut seen, mut filter) = (Vec::new(), AuditFilter::default());
    loop {
        let page = database.account_audit_entries(&acme, &filter, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.after = Some((last.at, last.id));
        seen.extend(page);
    }
    assert!(seen.is_sorted_by_key(|entry| std::cmp::Reverse((entry.at, entry.id))));
    assert_eq!(seen.len(), 8);
    let hour = |hour: i64| Some("2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap() + hour.hours());
    let filter = AuditFilter {
        since: hour(1),
        until: hour(3),
        after: None,
    };
    let page = database.account_audit_entries(&acme, &filter, 10).await.unwrap();
    let mut details: Vec<_> = page.iter().map(|entry| entry.detail.as_str()).collect();
    details.sort_unstable();
    assert_eq!(details, ["2", "4", "5"]);
}

/// All entries of an account: who, what, and details.
async fn all(sql: &tokio_postgres::Client) -> Vec<(String, String)> {
    let every = "SELECT action, detail FROM audit_entries WHERE account = 'acme' ORDER BY at, id";
    let rows = sql.query(every, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn tokens_and_sessions_are_in_the_trail() {
    let (database, sql) = migrated().await;
    let (acme, operator) = (account("acme"), Who::Operator);
    let new = NewToken {
        account: Some(&acme),
        role: Role::Viewer,
        name: "for a test",
        expires_at: None,
    };
    let text = database.create_token(&operator, &new).await.unwrap().text;
    let bearer = database.bearer(text.expose()).await.unwrap().unwrap();
    let (first, second) = (
        database.start_session(&bearer).await.unwrap(),
        database.start_session(&bearer).await.unwrap(),
    );
    for _ in 0..2 {
        database.sign_out(&bearer, &first).await.unwrap();
    }
    drop(second);
    let filter = SessionFilter {
        account: Some(acme.clone()),
        ..SessionFilter::default()
    };
    for _ in 0..2 {
        database.end_sessions(&filter).await.unwrap();
    }
    let Who::Token(id) = bearer.who else { panic!() };
    for _ in 0..2 {
        database.revoke_token(&operator, id).await.unwrap();
    }
    let expected = [
        ("token_created", format!("{id}, viewer, \"for a test\"")),
        ("signed_in", String::new()),
        ("signed_in", String::new()),
        ("signed_out", String::new()),
        ("session_revoked", format!("1 of token {id}")),
        ("token_revoked", format!("{id}, viewer, \"for a test\"")),
    ];
    assert_eq!(
        all(&sql).await,
        expected.map(|(action, detail)| (action.to_owned(), detail))
    );
    let by = "SELECT count(*) FILTER (WHERE token_id IS NULL AND subject IS NULL) FROM audit_entries";
    assert_eq!(
        sql.query_one(by, &[]).await.unwrap().get::<_, i64>(0),
        3,
        "what the operator did is nobody else's"
    );
}
