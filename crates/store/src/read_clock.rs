//! Reading the database's clock, and comparing it with this process's.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use runtime::Metrics;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::{Clock, Reading};
use crate::database::Database;
use crate::error::StoreError;

/// Interval of the readings.
const EVERY: Duration = Duration::from_secs(30);
/// Tolerated clock skew. Receivers reject signatures that are minutes off; an alert has to come long before.
const TOLERATED: SignedDuration = SignedDuration::from_secs(5);
/// A response that takes longer is too inaccurate.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(2);

const NOW: &str = "/* read_clock.now */ SELECT clock_timestamp()";

impl Database {
    /// The database's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Reads the database's clock. Returns by how much it is ahead of this process's.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn read_clock(&self) -> Result<SignedDuration, StoreError> {
        let connection = self.connection().await?;
        let begun = Instant::now();
        let at: Timestamp = connection.query_one(NOW, &[]).await?.get(0);
        let (own, took) = (Timestamp::now(), begun.elapsed());
        if took > LONGEST_ROUND_TRIP {
            return Err(StoreError::Unavailable("reading the clock took too long to tell anything".into()));
        }
        self.clock.set(Reading { at, when: begun + took / 2 });
        let half = SignedDuration::try_from(took / 2).unwrap_or(SignedDuration::ZERO);
        Ok(at.duration_since(own) + half)
    }
}

/// Declares the metric of the clock skew and updates it until `stop`. Once per process.
pub fn watch_clock(database: Database, metrics: &Metrics, stop: CancellationToken) {
    let ahead = metrics.gauge(
        "webhook_clock_difference_seconds",
        "By how much the database's clock is ahead of this process's; negative when it is behind.",
    );
    tokio::spawn(async move {
        let mut differs = false;
        loop {
            if let Ok(by) = database.read_clock().await {
                ahead.set(by.as_secs_f64());
                let so = by.abs() > TOLERATED;
                match (differs, so) {
                    (false, true) => warn!(
                        database_ahead_seconds = by.as_secs_f64(),
                        "clock skew: this host's clock differs from the database's, receivers may refuse the \
                         signature timestamps"
                    ),
                    (true, false) => info!("clock skew over: this host's clock agrees with the database's again"),
                    _ => {}
                }
                differs = so;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    });
}
