//! Releases deliveries from the outbox: held ones after a resume, spilled and deferred ones, recovered and manually
//! retried ones.

use std::time::Duration;

use domain::WebhookId;
use futures_util::{StreamExt, stream};
use runtime::Periodic;
use runtime::periodic::Next;
use store::StoreError;
use store::release::Release;
use tracing::{debug, error};

use super::{Relay, publish_in_parts};

/// The interval is short enough for ten batches a second.
const RELEASE: Periodic = Periodic {
    failure: "outbox relay: cannot release deliveries",
    every: Duration::from_millis(50),
    after_failure: Duration::from_secs(1),
};
/// Outbox rows without a release are rare.
const MISSING_RELEASES: Periodic = Periodic {
    failure: "outbox relay: cannot look for outbox deliveries without a release",
    every: Duration::from_secs(2),
    after_failure: Duration::from_secs(2),
};
/// After deliveries that the broker did not confirm.
const NOT_PUBLISHED: Next = Next::After(Duration::from_secs(1));
/// Webhooks per round.
const WEBHOOKS: i64 = 100;
/// Concurrent releases, each with a database connection of its own.
const AT_ONCE: usize = 4;

impl Relay {
    /// Releases until shutdown.
    pub(super) async fn release(self) {
        RELEASE.run(self.stop.clone(), || self.release_due()).await;
    }

    async fn release_due(&self) -> Result<Next, StoreError> {
        if !self.connected().await {
            return Ok(Next::Pause);
        }
        let due = self.database.due_releases(WEBHOOKS).await?;
        let mut releases = stream::iter(due)
            .map(|webhook| self.release_to(webhook))
            .buffer_unordered(AT_ONCE);
        while let Some(released) = releases.next().await {
            match released {
                Ok(Release::Released(count)) => self.metrics.released.inc_by(count as u64),
                Ok(Release::NotNow) => {}
                Err((_, error)) if error.is_unavailable() && !error.is_timeout() => return Err(error),
                Err((webhook, error)) => {
                    // An error with one webhook must not affect the others.
                    error!(
                        webhook_id = %webhook,
                        error = &error as &dyn std::error::Error,
                        "outbox relay: cannot release deliveries to this webhook; postponed"
                    );
                    self.database.postpone_release(webhook).await?;
                }
                Ok(Release::NotPublished) => {
                    debug!("outbox relay: the broker did not confirm released deliveries; they stay in the outbox");
                    return Ok(NOT_PUBLISHED);
                }
            }
        }
        Ok(Next::Pause)
    }

    async fn release_to(&self, webhook: WebhookId) -> Result<Release, (WebhookId, StoreError)> {
        let publish = async |released| publish_in_parts(&self.publisher, &self.jobs(released)).await;
        self.database
            .release(webhook, self.rate, publish)
            .await
            .map_err(|error| (webhook, error))
    }

    /// Schedules releases for outbox rows without one, until shutdown.
    pub(super) async fn schedule_missing_releases(self) {
        MISSING_RELEASES
            .run(self.stop.clone(), || self.schedule_missing())
            .await;
    }

    async fn schedule_missing(&self) -> Result<Next, StoreError> {
        let webhooks = self.database.schedule_missing_releases().await?;
        if webhooks > 0 {
            debug!(
                webhooks,
                "outbox relay: scheduled the release of outbox deliveries that had none"
            );
        }
        Ok(Next::Pause)
    }
}
