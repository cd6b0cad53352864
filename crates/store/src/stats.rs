//! Statistics for the chart of a webhook's recent days.

use domain::{AccountName, WebhookId};
use jiff::Timestamp;

use crate::database::Database;
use crate::error::StoreError;

/// Window of the chart and length of its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// 24 buckets of an hour.
    Day,
    /// 28 buckets of six hours.
    Week,
    /// 30 buckets of a day.
    Month,
}

impl Window {
    /// Hours of a bucket.
    pub const fn bucket_hours(self) -> i32 {
        match self {
            Self::Day => 1,
            Self::Week => 6,
            Self::Month => 24,
        }
    }

    /// Number of buckets.
    pub const fn buckets(self) -> i32 {
        match self {
            Self::Day => 24,
            Self::Week => 28,
            Self::Month => 30,
        }
    }
}

/// Attempts that ended within a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins.
    pub since: Timestamp,
    /// Attempts that succeeded: each delivered its delivery.
    pub delivered: i64,
    /// Attempts after which the delivery was failed.
    pub failed: i64,
    /// Attempts that failed and that another attempt follows.
    pub retried: i64,
    /// Of all these attempts, in milliseconds; `None` without any.
    pub average_response_time_ms: Option<i64>,
}

/// Every bucket is present, with zeros if need be; the last one is incomplete. Buckets begin at multiples of their
/// length, in UTC.
const BUCKETS: &str = "/* stats.buckets */ WITH buckets AS (
        SELECT date_bin(make_interval(hours => $3), now(), 'epoch') - make_interval(hours => $3) * steps AS since
        FROM generate_series(0, $4 - 1) AS steps
    )
    SELECT since, coalesce(sum(delivered), 0)::bigint AS delivered, coalesce(sum(failed), 0)::bigint AS failed,
        coalesce(sum(retried), 0)::bigint AS retried,
        (sum(response_time_ms) / nullif(sum(delivered + failed + retried), 0))::bigint AS average
    FROM buckets
    LEFT JOIN (SELECT c.* FROM attempt_counts c JOIN webhooks w ON w.id = c.webhook_id
        WHERE w.account = $1 AND c.webhook_id = $2
            AND c.hour > now() - make_interval(hours => $3 * ($4 + 1))) AS counts
        ON hour >= since AND hour < since + make_interval(hours => $3)
    GROUP BY since ORDER BY since";

impl Database {
    /// The results of a webhook's attempts within the window, oldest bucket first.
    pub async fn webhook_stats(
        &self,
        account: &AccountName,
        webhook: WebhookId,
        window: Window,
    ) -> Result<Vec<Bucket>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(BUCKETS).await?;
        let hours = window.bucket_hours();
        let buckets = window.buckets();
        let rows = connection
            .query(&statement, &[&account.as_str(), &webhook.0, &hours, &buckets])
            .await?;
        let bucket = |row: &tokio_postgres::Row| Bucket {
            since: row.get("since"),
            delivered: row.get("delivered"),
            failed: row.get("failed"),
            retried: row.get("retried"),
            average_response_time_ms: row.get("average"),
        };
        Ok(rows.iter().map(bucket).collect())
    }
}
