//! Searching the log by event and by record.

use domain::{DeliveryId, ReleaseRate, WebhookId};
use jiff::{Timestamp, ToSpan};
use store::Database;
use store::find::FindBy;
use store::outcomes::{DeliveryRecord, Disposition};
use store::release::{Release, Released};
use tokio_postgres::Client;

use crate::fixture::{AUTO_PAUSE, WAITS, account, admin, migrated, now, retrying, webhook};

fn about(webhook: WebhookId, event_id: &str, subject: Option<&str>, at: Timestamp) -> DeliveryRecord {
    let mut record = retrying(webhook, event_id, at);
    record.delivery.subject = subject.map(str::to_owned);
    record
}

async fn found(database: &Database, owner: &str, by: FindBy<'_>) -> Vec<String> {
    let deliveries = database.find_deliveries(&account(owner), by, None, 100).await.unwrap();
    deliveries.into_iter().map(|delivery| delivery.event_id).collect()
}

#[tokio::test]
async fn deliveries_are_found_by_event_and_by_record() {
    let (database, _sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    let second = |seconds: i64| now() - seconds.seconds();
    let records = [
        about(webhook, "a", Some("deals/9001"), second(50)),
        about(webhook, "b", Some("deals/9001"), second(40)),
        about(webhook, "c", Some("contacts/9001"), second(30)),
        about(webhook, "d", Some("9001"), second(20)),
        about(webhook, "e", Some("deals/19001"), second(10)),
        about(webhook, "f", Some("vertrag/Ünïcode_%"), second(5)),
        about(webhook, "g", None, second(1)),
    ];
    database.record(&records, AUTO_PAUSE).await.unwrap();
    let cases: [(FindBy<'_>, &[&str]); 10] = [
        (FindBy::Subject("deals/9001"), &["b", "a"]),
        (FindBy::Subject("9001"), &["d"]),
        (FindBy::Subject("deals/900_"), &[]),
        (FindBy::LastPart("9001"), &["c", "b", "a"]),
        (FindBy::LastPart("Ünïcode_%"), &["f"]),
        (FindBy::LastPart("deals/9001"), &[]),
        (FindBy::LastPart("001"), &[]),
        (FindBy::EventId("g"), &["g"]),
        (FindBy::EventId("deals/9001"), &[]),
        (FindBy::EventId(""), &[]),
    ];
    for (by, expected) in cases {
        assert_eq!(found(&database, "acme", by).await, expected, "{by:?}");
        assert_eq!(found(&database, "globex", by).await, [""; 0], "{by:?}");
    }
    let one = database
        .find_deliveries(&account("acme"), FindBy::Subject("deals/9001"), Some("deal.lost"), 100)
        .await;
    assert_eq!(one.unwrap(), []);
    let delivery = records[0].delivery.id;
    assert_eq!(
        database.event_of(&account("acme"), delivery).await.unwrap().as_deref(),
        Some("a")
    );
    assert_eq!(database.event_of(&account("globex"), delivery).await.unwrap(), None);
    let detail = database.delivery(&account("acme"), delivery).await.unwrap().unwrap();
    assert_eq!(detail.delivery.subject.as_deref(), Some("deals/9001"));
}

#[tokio::test]
async fn a_released_delivery_keeps_its_subject() {
    let (database, _sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    let held = DeliveryRecord {
        disposition: Disposition::Held(WAITS),
        attempts: 0,
        step: 0,
        attempt: None,
        ..about(webhook, "a", Some("deals/9001"), now())
    };
    database.record(&[held], AUTO_PAUSE).await.unwrap();
    database.pause_webhook(&admin("acme"), webhook).await.unwrap();
    let rate = ReleaseRate::new(1000.0);
    database.resume_webhook(&admin("acme"), webhook, rate).await.unwrap();
    let mut subjects = Vec::new();
    let release = database.release(webhook, rate, |released: Vec<Released>| {
        subjects.extend(released.into_iter().map(|released| released.delivery.subject));
        async { true }
    });
    assert_eq!(release.await.unwrap(), Release::Released(1));
    assert_eq!(subjects, [Some("deals/9001".to_owned())]);
}

/// Indexes of the log's partitions that serve a search.
async fn search_indexes(sql: &Client) -> i64 {
    let statement = "SELECT count(*) FROM pg_inherits
        WHERE inhparent IN ('deliveries_by_event'::regclass, 'deliveries_by_subject'::regclass)";
    sql.query_one(statement, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn partitions_get_the_indexes_of_searches_and_older_ones_get_them_later() {
    let (database, sql) = migrated().await;
    database.create_partitions_ahead().await.unwrap();
    let all = search_indexes(&sql).await;
    assert!(all >= 16, "{all}");
    assert_eq!(database.build_search_indexes().await.unwrap(), 0);
    // As the migration finds a log: the partitions of a former release do not have them.
    let forget = "DROP INDEX deliveries_by_event, deliveries_by_subject;
        CREATE INDEX deliveries_by_event ON ONLY deliveries (account, event_id, created_on, created_at);
        CREATE INDEX deliveries_by_subject ON ONLY deliveries
            (account, (reverse(subject) COLLATE \"C\"), created_on, created_at) WHERE subject IS NOT NULL";
    sql.batch_execute(forget).await.unwrap();
    assert_eq!(search_indexes(&sql).await, 0);
    let built = database.build_search_indexes().await.unwrap();
    assert_eq!((built as i64, search_indexes(&sql).await), (all, all));
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'deliveries_by_subject'::regclass";
    assert!(sql.query_one(valid, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_search_reads_the_indexes() {
    let (database, sql) = migrated().await;
    let webhook = webhook(&database, "acme", "ERP Sync").await;
    let record = about(webhook, "a", Some("deals/9001"), now());
    database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    sql.batch_execute("SET enable_seqscan = off").await.unwrap();
    for (condition, index) in [
        ("event_id = 'a'", "event_id"),
        (
            "subject IS NOT NULL AND reverse(subject) COLLATE \"C\" = reverse('deals/9001')",
            "reverse",
        ),
        (
            "subject IS NOT NULL AND reverse(subject) COLLATE \"C\" > reverse('/' || '9001')
                AND reverse(subject) COLLATE \"C\" < reverse('0' || '9001')",
            "reverse",
        ),
    ] {
        let explain = format!("EXPLAIN SELECT id FROM deliveries WHERE account = 'acme' AND {condition}");
        let plan = sql.query(&explain, &[]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(
            plan.contains(&format!("_account_{index}_")) && !plan.contains("Seq Scan"),
            "{plan}"
        );
    }
    let unknown = DeliveryId::from_bytes([0; 16]);
    assert_eq!(database.event_of(&account("acme"), unknown).await.unwrap(), None);
}
