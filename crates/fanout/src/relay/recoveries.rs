//! Processes recoveries: moves failed deliveries to the outbox, some at a time, from where they are released.

use std::time::Duration;

use domain::ReleaseRate;
use store::StoreError;
use tracing::warn;

use super::Relay;

/// Polling interval.
const EVERY: Duration = Duration::from_millis(500);
/// After an error.
const AGAIN: Duration = Duration::from_secs(2);

impl Relay {
    /// Processes recoveries until shutdown.
    pub(super) async fn recoveries(self) {
        let mut pause = EVERY;
        while self.pause(pause).await {
            pause = match self.mark_all().await {
                Ok(()) => EVERY,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "cannot process recoveries; retrying");
                    AGAIN
                }
            };
        }
    }

    async fn mark_all(&self) -> Result<(), StoreError> {
        while !self.stop.is_cancelled() && self.database.mark_recovered(ReleaseRate::CAREFUL).await?.is_some() {}
        self.database.finish_recoveries().await?;
        Ok(())
    }
}
