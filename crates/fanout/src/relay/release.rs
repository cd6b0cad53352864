//! Releases deliveries from the outbox: held ones after a resume, spilled and deferred ones, recovered and manually
//! retried ones.

use std::time::Duration;

use domain::WebhookId;
use futures_util::{StreamExt, stream};
use store::StoreError;
use store::release::Release;
use tracing::{debug, error, warn};

use super::{Relay, publish_in_parts};

/// Polling interval for due releases: short enough for ten batches a second.
const EVERY: Duration = Duration::from_millis(50);
/// Webhooks per round.
const WEBHOOKS: i64 = 100;
/// Concurrent releases, each with a database connection of its own.
const AT_ONCE: usize = 4;
/// Polling interval for outbox rows without a release.
const FORGOTTEN: Duration = Duration::from_secs(2);
/// After an error.
const AGAIN: Duration = Duration::from_secs(1);

impl Relay {
    /// Releases until shutdown.
    pub(super) async fn release(self) {
        let mut failing = false;
        loop {
            let round = self.release_due().await;
            if let Err(error) = &round
                && !failing
            {
                warn!(error = error as &dyn std::error::Error, "outbox relay: cannot release deliveries; retrying");
            }
            failing = round.is_err();
            let pause = match round {
                Ok(()) => EVERY,
                Err(_) => AGAIN,
            };
            if !self.pause(pause).await {
                return;
            }
        }
    }

    async fn release_due(&self) -> Result<(), StoreError> {
        if !self.connected().await {
            return Ok(());
        }
        let due = self.database.due_releases(WEBHOOKS).await?;
        let mut releases = stream::iter(due).map(|webhook| self.release_to(webhook)).buffer_unordered(AT_ONCE);
        while let Some(released) = releases.next().await {
            match released {
                Ok(Release::Released(count)) => self.metrics.released.inc_by(count as u64),
                Ok(Release::NotNow) => {}
                Err((_, error)) if error.is_unavailable() && !error.is_timeout() => return Err(error),
                Err((webhook, error)) => {
                    // An error with one webhook must not affect the others.
                    error!(
                        %webhook,
                        error = &error as &dyn std::error::Error,
                        "outbox relay: cannot release deliveries to this webhook; postponed"
                    );
                    self.database.postpone_release(webhook).await?;
                }
                Ok(Release::NotPublished) => {
                    debug!("outbox relay: the broker did not confirm released deliveries; they stay in the outbox");
                    self.pause(AGAIN).await;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn release_to(&self, webhook: WebhookId) -> Result<Release, (WebhookId, StoreError)> {
        let publish = async |released| publish_in_parts(&self.publisher, &self.jobs(released)).await;
        self.database.release(webhook, self.rate, publish).await.map_err(|error| (webhook, error))
    }

    /// Schedules releases for outbox rows without one, until shutdown.
    pub(super) async fn release_forgotten(self) {
        while self.pause(FORGOTTEN).await {
            match self.database.release_forgotten().await {
                Ok(0) => {}
                Ok(webhooks) => {
                    debug!(webhooks, "outbox relay: scheduled the release of outbox deliveries that had none")
                }
                Err(error) => debug!(
                    error = &error as &dyn std::error::Error,
                    "outbox relay: cannot look for outbox deliveries without a release"
                ),
            }
        }
    }
}
