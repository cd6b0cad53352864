//! Builds the indexes of searches on partitions that are older than these indexes: the migration, which must not scan the log,
//! creates them for later partitions only. Until a partition has them, a search reads it whole.

use tokio_postgres::Row;
use tracing::info;

use crate::connect::Limits;
use crate::connection::Connection;
use crate::database::Database;
use crate::error::StoreError;

/// Held until the connection ends: one process at a time builds.
const TRY_LOCK: &str =
    "/* search_indexes.try_lock */ SELECT pg_try_advisory_lock(hashtext('easycrm webhooks search indexes'))";

/// Newest first: recent events are asked about most.
const MISSING: &str = "/* search_indexes.missing */
    SELECT p.relname::text AS partition, i.relname::text AS parent,
        substring(pg_get_indexdef(i.oid) FROM 'USING .*') AS definition,
        coalesce((SELECT x.indisvalid FROM pg_class n JOIN pg_index x ON x.indexrelid = n.oid
            WHERE n.relnamespace = p.relnamespace AND n.relname = i.relname || '_' || right(p.relname, 8)), false) AS built
    FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhrelid
    CROSS JOIN pg_class i
    WHERE h.inhparent = 'deliveries'::regclass AND NOT h.inhdetachpending
        AND i.oid IN ('deliveries_by_event'::regclass, 'deliveries_by_subject'::regclass)
        AND NOT EXISTS (SELECT FROM pg_inherits c JOIN pg_index x ON x.indexrelid = c.inhrelid
            WHERE c.inhparent = i.oid AND x.indrelid = p.oid)
    ORDER BY p.relname DESC, i.relname";

impl Database {
    /// Builds what is missing, without blocking writers, and returns the number of indexes; 0 when another process is doing it.
    ///
    /// # Errors
    /// When the database is unavailable, or a transaction that is older than the build outlasts the lock timeout; the indexes
    /// built by then stay.
    pub async fn build_search_indexes(&self) -> Result<usize, StoreError> {
        let connection = self.connection_apart(Limits::INDEX_BUILD).await?;
        if !connection.query_one(TRY_LOCK, &[]).await?.get::<_, bool>(0) {
            return Ok(0);
        }
        connection.act_as_log_owner().await?;
        let missing = connection.query(MISSING, &[]).await?;
        for row in &missing {
            let index = MissingIndex::from(row);
            if !row.get::<_, bool>("built") {
                index.build(&connection).await?;
            }
            index.attach(&connection).await?;
        }
        Ok(missing.len())
    }
}

/// An index that a partition lacks. The names consist of letters, digits and `_` only, and so need no quotes.
struct MissingIndex<'a> {
    partition: &'a str,
    /// The index of the whole log.
    parent: &'a str,
    /// From `USING` on.
    definition: &'a str,
}

impl<'a> From<&'a Row> for MissingIndex<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            partition: row.get("partition"),
            parent: row.get("parent"),
            definition: row.get("definition"),
        }
    }
}

impl MissingIndex<'_> {
    fn day(&self) -> &str {
        self.partition.rsplit_once('_').map_or("", |(_, day)| day)
    }

    fn name(&self) -> String {
        format!("{}_{}", self.parent, self.day())
    }

    async fn build(&self, connection: &Connection) -> Result<(), StoreError> {
        let name = self.name();
        let Self {
            partition, definition, ..
        } = self;
        // An interrupted build leaves an invalid index.
        connection
            .batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
            .await?;
        connection
            .batch_execute(&format!("CREATE INDEX CONCURRENTLY {name} ON {partition} {definition}"))
            .await?;
        info!(index = self.parent, day = self.day(), "search index built");
        Ok(())
    }

    /// Statements that use the partition wait behind this one, so it waits for a short time only.
    async fn attach(&self, connection: &Connection) -> Result<(), StoreError> {
        let attach = format!("ALTER INDEX {} ATTACH PARTITION {}", self.parent, self.name());
        connection
            .batch_execute(&format!("BEGIN; SET LOCAL lock_timeout = '2s'; {attach}; COMMIT"))
            .await
    }
}
