//! Processes recoveries: moves failed deliveries to the outbox, some at a time, from where they are released.

use std::time::Duration;

use domain::ReleaseRate;
use runtime::Periodic;
use runtime::periodic::Next;
use store::StoreError;

use super::Relay;

const RECOVERIES: Periodic = Periodic {
    failure: "cannot process recoveries",
    every: Duration::from_millis(500),
    after_failure: Duration::from_secs(2),
};

impl Relay {
    /// Processes recoveries until shutdown.
    pub(super) async fn recoveries(self) {
        RECOVERIES.run(self.stop.clone(), || self.mark_all()).await;
    }

    async fn mark_all(&self) -> Result<Next, StoreError> {
        while !self.stop.is_cancelled() && self.database.mark_recovered(ReleaseRate::CAREFUL).await?.is_some() {}
        self.database.finish_recoveries().await?;
        Ok(Next::Pause)
    }
}
