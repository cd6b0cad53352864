//! The delivery log's days.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use crate::database::Database;
use crate::error::StoreError;

/// Days made ahead of today, so that a week without housekeeping stops nothing.
pub const PARTITIONS_AHEAD: i64 = 7;

/// The UTC day under which something created then is filed.
pub(crate) fn day_of(created_at: Timestamp) -> Date {
    created_at.to_zoned(TimeZone::UTC).date()
}

impl Database {
    /// Makes the partitions of yesterday (for clocks that differ), today and the coming week.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn create_partitions_ahead(&self) -> Result<(), StoreError> {
        let today = day_of(Timestamp::now());
        let days = (-1..=PARTITIONS_AHEAD).filter_map(|offset| today.checked_add(offset.days()).ok());
        self.create_partitions(days).await
    }

    pub(crate) async fn create_partitions(&self, days: impl IntoIterator<Item = Date>) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        for day in days {
            connection.execute("SELECT create_log_partitions($1)", &[&day]).await?;
        }
        Ok(())
    }

    /// The oldest and the newest day that have partitions.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn partition_range(&self) -> Result<Option<(Date, Date)>, StoreError> {
        const RANGE: &str = "SELECT to_date(right(min(c.relname), 8), 'YYYYMMDD') AS oldest,
                to_date(right(max(c.relname), 8), 'YYYYMMDD') AS newest
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'deliveries'::regclass AND NOT i.inhdetachpending";
        let row = self.connection().await?.query_one(RANGE, &[]).await?;
        let (oldest, newest): (Option<Date>, Option<Date>) = (row.get("oldest"), row.get("newest"));
        Ok(oldest.zip(newest))
    }

    /// The newest day that has partitions.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn newest_partition(&self) -> Result<Option<Date>, StoreError> {
        Ok(self.partition_range().await?.map(|(_, newest)| newest))
    }
}
