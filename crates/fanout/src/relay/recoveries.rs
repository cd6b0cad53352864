//! Working through recoveries: failed deliveries are marked as waiting, some at a time, and the release sends them.

use std::time::Duration;

use domain::ReleasePace;
use store::StoreError;
use tracing::warn;

use super::Relay;

/// How often is looked for a recovery.
const EVERY: Duration = Duration::from_millis(500);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(2);

impl Relay {
    /// Marks what is to be recovered until it is time to end.
    pub(super) async fn recoveries(self) {
        let mut pause = EVERY;
        while self.pause(pause).await {
            pause = match self.mark_all().await {
                Ok(()) => EVERY,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "recoveries are not worked through; trying again");
                    AGAIN
                }
            };
        }
    }

    async fn mark_all(&self) -> Result<(), StoreError> {
        while !self.stop.is_cancelled() && self.database.mark_recovered(ReleasePace::CAREFUL).await?.is_some() {}
        self.database.finish_recoveries().await?;
        Ok(())
    }
}
