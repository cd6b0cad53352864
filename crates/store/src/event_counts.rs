//! How many events the CRM published, by account, type and hour.

use domain::event_tally::MAX_UNKNOWN_NAMES;
use domain::{AccountName, EventCount};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use crate::database::Database;
use crate::error::StoreError;
use crate::horizon::Horizon;
use crate::retention::delete_in_batches;

/// Days for which the counts are kept.
const KEPT_DAYS: u16 = 30;

/// The events of a type in the current hour and the 23 before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentEvents {
    /// Name of the type; of an unknown one its first 64 characters.
    pub event_type: String,
    /// Whether the catalogue has the type.
    pub known: bool,
    /// How many there are.
    pub events: i64,
    /// Those that matched no webhook.
    pub unmatched: i64,
}

/// Adds to what other processes counted. Rows are locked in the order of their key, so that no two processes wait for each
/// other. An account has $8 names of unknown types a day; further ones are not stored.
const ADD: &str = "/* event_counts.add */ WITH given AS (
        SELECT *, date_trunc('day', hour, 'UTC') AS day
        FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::bigint[], $5::bigint[], $6::bool[], $7::timestamptz[])
            AS t (account, hour, event_type, events, unmatched, known, last_at)
    ), stored AS (
        SELECT DISTINCT d.account, d.day, c.event_type
        FROM (SELECT DISTINCT account, day FROM given WHERE NOT known) AS d
        JOIN event_counts c ON c.account = d.account AND c.hour >= d.day AND c.hour < d.day + interval '24 hours'
        WHERE NOT c.known
    ), fresh AS (
        SELECT *, row_number() OVER (PARTITION BY account, day ORDER BY event_type) AS place FROM (
            SELECT account, day, event_type FROM given WHERE NOT known EXCEPT SELECT * FROM stored) AS names
    ), too_many AS (
        SELECT account, day, event_type FROM fresh f
        WHERE place > $8 - (SELECT count(*) FROM stored s WHERE s.account = f.account AND s.day = f.day)
    )
    INSERT INTO event_counts AS c (account, hour, event_type, events, unmatched, known, last_at)
    SELECT account, hour, event_type, events, unmatched, known, last_at FROM given
    WHERE known OR (account, day, event_type) NOT IN (SELECT * FROM too_many)
    ORDER BY account, hour, event_type
    ON CONFLICT (account, hour, event_type) DO UPDATE SET events = c.events + excluded.events,
        unmatched = c.unmatched + excluded.unmatched, known = excluded.known,
        last_at = greatest(c.last_at, excluded.last_at)";

const RECENT: &str = "/* event_counts.recent */
    SELECT event_type, bool_or(known) AS known, sum(events)::bigint AS events, sum(unmatched)::bigint AS unmatched
    FROM event_counts WHERE account = $1 AND hour > date_trunc('hour', now(), 'UTC') - interval '24 hours'
    GROUP BY event_type ORDER BY events DESC, event_type";

const LAST: &str = "/* event_counts.last */
    SELECT last_at FROM event_counts WHERE account = $1 AND event_type = $2 ORDER BY hour DESC LIMIT 1";

const DELETE_OLD: &str = "/* event_counts.delete_old */ DELETE FROM event_counts WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM event_counts WHERE hour < $1 LIMIT $2))";

/// In the order of the statement's parameters.
#[derive(Default)]
struct Columns<'a> {
    account: Vec<&'a str>,
    hour: Vec<Timestamp>,
    event_type: Vec<&'a str>,
    events: Vec<i64>,
    unmatched: Vec<i64>,
    known: Vec<bool>,
    last_at: Vec<Timestamp>,
}

impl<'a> Columns<'a> {
    fn of(counts: &'a [EventCount]) -> Self {
        let mut columns = Self::default();
        for count in counts {
            columns.account.push(count.account.as_str());
            columns.hour.push(count.hour);
            columns.event_type.push(&count.event_type);
            columns.events.push(count.events);
            columns.unmatched.push(count.unmatched);
            columns.known.push(count.known);
            columns.last_at.push(count.last_at);
        }
        columns
    }
}

impl Database {
    /// Adds counts; each of another account, type or hour.
    pub async fn add_event_counts(&self, counts: &[EventCount]) -> Result<(), StoreError> {
        let columns = Columns::of(counts);
        let names = i64::try_from(MAX_UNKNOWN_NAMES).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 8] = [
            &columns.account,
            &columns.hour,
            &columns.event_type,
            &columns.events,
            &columns.unmatched,
            &columns.known,
            &columns.last_at,
            &names,
        ];
        self.connection().await?.execute(ADD, &parameters).await?;
        Ok(())
    }

    /// The account's events of the current hour and the 23 before it, by type, the most frequent first.
    pub async fn recent_events(&self, account: &AccountName) -> Result<Vec<RecentEvents>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(RECENT).await?;
        let rows = connection.query(&statement, &[&account.as_str()]).await?;
        let recent = |row: &tokio_postgres::Row| RecentEvents {
            event_type: row.get("event_type"),
            known: row.get("known"),
            events: row.get("events"),
            unmatched: row.get("unmatched"),
        };
        Ok(rows.iter().map(recent).collect())
    }

    /// When the account's last event of this type came, within the last 30 days.
    pub async fn last_event_at(
        &self,
        account: &AccountName,
        event_type: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(LAST).await?;
        let row = connection
            .query_opt(&statement, &[&account.as_str(), &event_type])
            .await?;
        Ok(row.map(|row| row.get("last_at")))
    }

    /// Deletes counts older than 30 days. Returns their number.
    pub async fn delete_old_event_counts(&self) -> Result<u64, StoreError> {
        let horizon = Horizon::new(self.clock().now(), KEPT_DAYS);
        delete_in_batches(&self.connection().await?, DELETE_OLD, &horizon.at).await
    }
}
