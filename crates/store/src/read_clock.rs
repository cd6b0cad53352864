//! Reading the database's clock, and comparing it with this process's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use runtime::metrics::Gauge;
use runtime::periodic::Next;
use runtime::{Metrics, Periodic};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::{Clock, Reading};
use crate::database::Database;
use crate::error::StoreError;

const READINGS: Periodic = Periodic {
    failure: "cannot read the database's clock",
    every: Duration::from_secs(30),
    after_failure: Duration::from_secs(30),
};
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
        let own = Timestamp::now();
        let took = begun.elapsed();
        if took > LONGEST_ROUND_TRIP {
            return Err(StoreError::Unavailable(
                "reading the clock took too long to measure the clock skew".into(),
            ));
        }
        self.clock.set(Reading {
            at,
            when: begun + took / 2,
        });
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
        let skew = Skew {
            database,
            ahead,
            is_large: AtomicBool::new(false),
        };
        READINGS.run(stop, || skew.measure()).await;
    });
}

/// The clock skew.
struct Skew {
    database: Database,
    ahead: Gauge,
    /// At the last reading.
    is_large: AtomicBool,
}

impl Skew {
    async fn measure(&self) -> Result<Next, StoreError> {
        let ahead = match self.database.read_clock().await {
            // Other tasks report an unavailable database, and a slow answer tells no time.
            Err(error) if error.is_unavailable() => return Ok(Next::Pause),
            read => read?,
        };
        self.ahead.set(ahead.as_secs_f64());
        let is_large = ahead.abs() > TOLERATED;
        match (self.is_large.swap(is_large, Ordering::Relaxed), is_large) {
            (false, true) => warn!(
                database_ahead_seconds = ahead.as_secs_f64(),
                "clock skew: this host's clock differs from the database's, receivers may refuse the signature timestamps"
            ),
            (true, false) => info!("clock skew over: this host's clock agrees with the database's again"),
            _ => {}
        }
        Ok(Next::Pause)
    }
}
