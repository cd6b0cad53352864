//! The partitions of the delivery log.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

use crate::database::Database;
use crate::error::StoreError;

/// Partitions created ahead of today, so that a week without housekeeping does no harm.
pub const PARTITIONS_AHEAD: i32 = 7;

/// The UTC day of its partition.
pub(crate) fn day_of(created_at: Timestamp) -> Date {
    created_at.to_zoned(TimeZone::UTC).date()
}

impl Database {
    /// Creates the partitions of yesterday (for events in progress at midnight), today and the coming week, by the
    /// database's clock.
    pub async fn create_partitions_ahead(&self) -> Result<(), StoreError> {
        const CREATE: &str = "/* partitions.create */
    SELECT create_log_partitions((now() AT TIME ZONE 'UTC')::date + $1::int)";
        let connection = self.connection().await?;
        for offset in -1..=PARTITIONS_AHEAD {
            connection.execute(CREATE, &[&offset]).await?;
        }
        Ok(())
    }

    pub(crate) async fn create_partitions(&self, days: impl IntoIterator<Item = Date>) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        for day in days {
            connection
                .execute("/* partitions.create_days */ SELECT create_log_partitions($1)", &[&day])
                .await?;
        }
        Ok(())
    }

    /// The oldest and the newest day with a partition.
    pub async fn partition_range(&self) -> Result<Option<(Date, Date)>, StoreError> {
        const RANGE: &str = "/* partitions.range */ SELECT to_date(right(min(c.relname), 8), 'YYYYMMDD') AS oldest,
                to_date(right(max(c.relname), 8), 'YYYYMMDD') AS newest
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'deliveries'::regclass AND NOT i.inhdetachpending";
        let row = self.connection().await?.query_one(RANGE, &[]).await?;
        let (oldest, newest): (Option<Date>, Option<Date>) = (row.get("oldest"), row.get("newest"));
        Ok(oldest.zip(newest))
    }

    /// The newest day with a partition.
    pub async fn newest_partition(&self) -> Result<Option<Date>, StoreError> {
        Ok(self.partition_range().await?.map(|(_, newest)| newest))
    }
}
