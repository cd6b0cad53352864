//! Counts of what the CRM published.

use domain::{EventCount, EventTally, EventType};
use jiff::{Timestamp, ToSpan};
use store::Database;

use crate::fixture::{account, migrated, now};

fn count(owner: &str, event_type: &str, hour: Timestamp, events: i64) -> EventCount {
    EventCount {
        account: account(owner),
        known: EventType::parse(event_type).is_some(),
        event_type: event_type.to_owned(),
        hour,
        events,
        unmatched: 1,
        last_at: hour + 59.minutes(),
    }
}

/// The current hour, some hours ago.
fn hour(ago: i64) -> Timestamp {
    let hour = now().as_second() / 3600 - ago;
    Timestamp::from_second(hour * 3600).unwrap()
}

async fn recent(database: &Database, owner: &str) -> Vec<(String, bool, i64, i64)> {
    let recent = database.recent_events(&account(owner)).await.unwrap();
    recent
        .into_iter()
        .map(|count| (count.event_type, count.known, count.events, count.unmatched))
        .collect()
}

#[tokio::test]
async fn counts_of_several_processes_add_up() {
    let (database, _sql) = migrated().await;
    let counts = [
        count("acme", "deal.won", hour(0), 5),
        count("acme", "deal.won", hour(23), 7),
        count("acme", "deal.won", hour(24), 100),
        count("acme", "contract.signed", hour(1), 2),
        count("globex", "deal.won", hour(0), 1000),
    ];
    let (left, right) = tokio::join!(database.add_event_counts(&counts), database.add_event_counts(&counts));
    left.and(right).unwrap();
    database.add_event_counts(&[]).await.unwrap();
    assert_eq!(
        recent(&database, "acme").await,
        [
            ("deal.won".to_owned(), true, 24, 4),
            ("contract.signed".to_owned(), false, 4, 2)
        ]
    );
    assert_eq!(recent(&database, "initech").await, []);
    let last = async |owner: &str, name: &str| database.last_event_at(&account(owner), name).await.unwrap();
    assert_eq!(last("acme", "deal.won").await, Some(hour(0) + 59.minutes()));
    assert_eq!(last("acme", "deal.lost").await, None);
    assert_eq!(last("initech", "deal.won").await, None);
}

#[tokio::test]
async fn an_account_has_few_names_of_unknown_types_a_day() {
    let (database, _sql) = migrated().await;
    // All within one UTC day, whatever hour it is.
    let name = |number: usize| format!("type.{number:03}");
    let first: Vec<_> = (0..40).map(|number| count("acme", &name(number), hour(0), 1)).collect();
    database.add_event_counts(&first).await.unwrap();
    let mut second: Vec<_> = (20..80)
        .map(|number| count("acme", &name(number), hour(0), 1))
        .collect();
    second.push(count("acme", "deal.won", hour(0), 1));
    second.push(count("globex", &name(99), hour(0), 1));
    database.add_event_counts(&second).await.unwrap();
    let counts = recent(&database, "acme").await;
    let unknown: Vec<_> = counts.iter().filter(|(_, known, ..)| !known).collect();
    assert_eq!((counts.len(), unknown.len()), (51, 50));
    let events = |number: usize| {
        let name = name(number);
        counts.iter().find(|count| count.0 == name).map(|count| count.2)
    };
    assert_eq!(
        [0, 39, 40, 49, 50, 79].map(events),
        [Some(1), Some(2), Some(1), Some(1), None, None]
    );
    assert_eq!(recent(&database, "globex").await.len(), 1);
}

#[tokio::test]
async fn counts_go_after_30_days() {
    let (database, _sql) = migrated().await;
    let counts = [
        count("acme", "deal.won", hour(31 * 24), 1),
        count("acme", "deal.lost", hour(29 * 24), 1),
    ];
    database.add_event_counts(&counts).await.unwrap();
    assert_eq!(database.delete_old_event_counts().await.unwrap(), 1);
    assert_eq!(
        database.last_event_at(&account("acme"), "deal.won").await.unwrap(),
        None
    );
    assert!(
        database
            .last_event_at(&account("acme"), "deal.lost")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_tally_is_stored_as_it_was_counted() {
    let (database, _sql) = migrated().await;
    let mut tally = EventTally::default();
    let won = EventType::parse("deal.won").unwrap();
    tally.add_known(&account("acme"), won, true, now());
    tally.add_known(&account("acme"), won, false, now());
    tally.add_unknown(&account("acme"), "contract.signed 'quoted' é", now());
    database.add_event_counts(&tally.take()).await.unwrap();
    assert_eq!(
        recent(&database, "acme").await,
        [
            ("deal.won".to_owned(), true, 2, 1),
            ("contract.signed 'quoted' é".to_owned(), false, 1, 1)
        ]
    );
}
