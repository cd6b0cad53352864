//! Removing whole days of the log: detached first, without a lock that anybody else needs, then dropped.
//!
//! A detachment has two steps, and waits in between for every transaction that may still see the day. One that is
//! interrupted there leaves the day invisible and must be finalised before any other day can be detached.

use jiff::civil::Date;
use tokio_postgres::Client;
use tokio_postgres::GenericClient;
use tokio_postgres::Row;
use tracing::info;

use super::Horizon;
use crate::error::StoreError;

/// Says of a table that it is ours to drop. A day that somebody else detached, to keep it, does not say so.
const MARK: &str = "beyond the retention, to be dropped";

/// Deliveries before their attempts: nobody then sees one without the other.
const LOG_TABLES: &str = "SELECT c.relname::text AS name, i.inhrelid IS NOT NULL AS attached,
        coalesce(i.inhdetachpending, false) AS pending,
        coalesce(obj_description(c.oid, 'pg_class') = $1, false) AS marked
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'deliveries'::regclass)
        AND c.relkind = 'r' AND c.relname ~ '^(deliveries|attempts)_[0-9]{8}$'
    ORDER BY right(c.relname, 8), c.relname DESC";

/// One table of one day.
pub(super) struct LogTable {
    /// `<parent>_<day>`.
    name: String,
    parent: String,
    pub(super) day: Date,
    state: TableState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TableState {
    Attached,
    /// Its detachment was interrupted.
    Pending,
    /// Detached by us, and not dropped.
    Detached,
}

/// All tables of the log that are part of it, or were until we detached them, oldest day first.
pub(super) async fn log_tables(client: &impl GenericClient) -> Result<Vec<LogTable>, StoreError> {
    let rows = client.query(LOG_TABLES, &[&MARK]).await?;
    Ok(rows.iter().filter_map(log_table).collect())
}

/// `None` for what is not ours.
fn log_table(row: &Row) -> Option<LogTable> {
    let name: String = row.get("name");
    let state = match (row.get("attached"), row.get("pending"), row.get("marked")) {
        (true, true, _) => TableState::Pending,
        (true, false, _) => TableState::Attached,
        (false, _, true) => TableState::Detached,
        (false, _, false) => return None,
    };
    let (parent, day) = name.rsplit_once('_')?;
    let (parent, day) = (parent.to_owned(), Date::strptime("%Y%m%d", day).ok()?);
    Some(LogTable { name, parent, day, state })
}

/// The first day that people see.
pub(super) async fn first_attached(client: &Client) -> Result<Option<Date>, StoreError> {
    let tables = log_tables(client).await?;
    Ok(tables.iter().find(|table| table.state == TableState::Attached).map(|table| table.day))
}

/// Removes the past days, and finalises what was interrupted. Returns the days that are gone, and what kept it from
/// going on.
pub(super) async fn remove(client: &Client, horizon: Horizon) -> (Vec<Date>, Option<StoreError>) {
    let mut gone = Vec::new();
    let hindrance = remove_into(&mut gone, client, horizon).await.err();
    (gone, hindrance)
}

async fn remove_into(gone: &mut Vec<Date>, client: &Client, horizon: Horizon) -> Result<(), StoreError> {
    let tables = log_tables(client).await?;
    // While one is pending no other can be detached.
    for table in tables.iter().filter(|table| table.state == TableState::Pending) {
        detach(client, table, horizon, "FINALIZE").await?;
    }
    let past: Vec<&LogTable> = tables.iter().filter(|table| horizon.is_past(table.day)).collect();
    for day in past.chunk_by(|left, right| left.day == right.day) {
        for table in day {
            if table.state == TableState::Attached {
                detach(client, table, horizon, "CONCURRENTLY").await?;
            }
            client.batch_execute(&format!("DROP TABLE IF EXISTS {}", table.name)).await?;
        }
        info!(day = %day[0].day, "a day beyond the retention was dropped");
        gone.push(day[0].day);
    }
    Ok(())
}

/// The names are made of letters, digits and `_` alone, and so need no quotes.
async fn detach(client: &Client, table: &LogTable, horizon: Horizon, how: &str) -> Result<(), StoreError> {
    let LogTable { name, parent, .. } = table;
    if horizon.is_past(table.day) {
        client.batch_execute(&format!("COMMENT ON TABLE {name} IS '{MARK}'")).await?;
    }
    client.batch_execute(&format!("ALTER TABLE {parent} DETACH PARTITION {name} {how}")).await?;
    Ok(())
}
