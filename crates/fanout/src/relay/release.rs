//! Feeding back what waits: held deliveries after a resume, those that a sender put aside, and those that people ask for.

use std::time::Duration;

use domain::WebhookId;
use futures_util::{StreamExt, stream};
use store::StoreError;
use store::release::{Release, Released};
use tokio::time::timeout;
use tracing::{debug, error, warn};

use super::{Relay, jobs, publish_all};

/// How often is looked for webhooks whose turn has come: often enough for a pace of ten batches a second.
const EVERY: Duration = Duration::from_millis(50);
/// Webhooks looked at in one round.
const WEBHOOKS: i64 = 100;
/// Webhooks released to at once, each with a connection of its own.
const AT_ONCE: usize = 4;
/// A batch goes out in so many parts, each when the one before is confirmed, so that senders take them in their order.
const PARTS: usize = 10;
/// For all parts together: the log's rows are locked until then, and a sender that has the first part's jobs already
/// waits for them with its outcomes.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(3);
/// How often is looked for what nobody asked to release.
const FORGOTTEN: Duration = Duration::from_secs(2);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);

impl Relay {
    /// Releases what is due until it is time to end.
    pub(super) async fn release(self) {
        let mut failing = false;
        loop {
            let round = self.release_due().await;
            if let Err(error) = &round
                && !failing
            {
                warn!(error = error as &dyn std::error::Error, "waiting deliveries cannot be released; trying again");
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
                Err((_, error)) if error.is_unavailable() => return Err(error),
                Err((webhook, error)) => {
                    // One webhook's trouble is not the others'.
                    error!(%webhook, error = &error as &dyn std::error::Error, "waiting deliveries cannot be released");
                    self.database.postpone_release(webhook).await?;
                }
                Ok(Release::NotPublished) => {
                    debug!("the broker does not take released deliveries; they wait on");
                    self.pause(AGAIN).await;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn release_to(&self, webhook: WebhookId) -> Result<Release, (WebhookId, StoreError)> {
        let publish =
            async |released| timeout(PUBLISHED_WITHIN, self.publish_in_parts(released)).await.unwrap_or(false);
        self.database.release(webhook, self.pace, publish).await.map_err(|error| (webhook, error))
    }

    async fn publish_in_parts(&self, released: Vec<Released>) -> bool {
        let part = released.len().div_ceil(PARTS);
        let messages = jobs(released);
        for part in messages.chunks(part) {
            if !publish_all(&self.publisher, part).await {
                return false;
            }
        }
        true
    }

    /// Looks for what waits without a release until it is time to end.
    pub(super) async fn release_forgotten(self) {
        while self.pause(FORGOTTEN).await {
            match self.database.release_forgotten().await {
                Ok(0) => {}
                Ok(webhooks) => debug!(webhooks, "deliveries waited without a release"),
                Err(error) => debug!(%error, "deliveries that wait without a release are not looked for"),
            }
        }
    }
}
