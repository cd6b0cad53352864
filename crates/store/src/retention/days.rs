//! Drops expired partitions: first detached, without a lock that blocks others, then dropped.
//!
//! Detaching has two steps, and waits in between for every transaction that may still see the partition. If it is
//! interrupted there, the partition is invisible and must be finalised before any other can be detached.

use jiff::civil::Date;
use tokio_postgres::Row;
use tracing::info;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::horizon::Horizon;

/// Marks a table as ours to drop. A partition that an operator detached, to keep it, has no mark.
const MARK: &str = "beyond the retention, to be dropped";

/// Deliveries before their attempts: no reader sees attempts without their delivery.
const LOG_TABLES: &str = "/* retention.days.log_tables */
    SELECT c.relname::text AS name, i.inhrelid IS NOT NULL AS attached,
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

/// All partitions of the log, and those that we detached, oldest day first.
pub(super) async fn log_tables(client: &Connection) -> Result<Vec<LogTable>, StoreError> {
    let rows = client.query(LOG_TABLES, &[&MARK]).await?;
    Ok(rows.iter().filter_map(log_table).collect())
}

/// `None` for a table that is not ours.
fn log_table(row: &Row) -> Option<LogTable> {
    let name: String = row.get("name");
    let state = match (row.get("attached"), row.get("pending"), row.get("marked")) {
        (true, true, _) => TableState::Pending,
        (true, false, _) => TableState::Attached,
        (false, _, true) => TableState::Detached,
        (false, _, false) => return None,
    };
    let (parent, day) = name.rsplit_once('_')?;
    let parent = parent.to_owned();
    let day = Date::strptime("%Y%m%d", day).ok()?;
    Some(LogTable {
        name,
        parent,
        day,
        state,
    })
}

/// The oldest attached day.
pub(super) async fn first_attached(client: &Connection) -> Result<Option<Date>, StoreError> {
    let tables = log_tables(client).await?;
    Ok(tables
        .iter()
        .find(|table| table.state == TableState::Attached)
        .map(|table| table.day))
}

/// Drops expired partitions, and finalises interrupted detachments. Returns the dropped days, and the error that
/// stopped it.
pub(super) async fn remove(client: &Connection, horizon: Horizon) -> (Vec<Date>, Option<StoreError>) {
    let mut gone = Vec::new();
    let hindrance = remove_into(&mut gone, client, horizon).await.err();
    (gone, hindrance)
}

async fn remove_into(gone: &mut Vec<Date>, client: &Connection, horizon: Horizon) -> Result<(), StoreError> {
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
            client
                .batch_execute(&format!("DROP TABLE IF EXISTS {}", table.name))
                .await?;
        }
        info!(day = %day[0].day, "retention: expired partition dropped");
        gone.push(day[0].day);
    }
    Ok(())
}

/// The names consist of letters, digits and `_` only, and so need no quotes.
async fn detach(client: &Connection, table: &LogTable, horizon: Horizon, how: &str) -> Result<(), StoreError> {
    let LogTable { name, parent, .. } = table;
    if horizon.is_past(table.day) {
        client
            .batch_execute(&format!("COMMENT ON TABLE {name} IS '{MARK}'"))
            .await?;
    }
    client
        .batch_execute(&format!("ALTER TABLE {parent} DETACH PARTITION {name} {how}"))
        .await?;
    Ok(())
}
