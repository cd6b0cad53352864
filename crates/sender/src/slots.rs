//! How many requests may be in flight: in this process, and of those to one webhook.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::WebhookId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The process' slots. Clones share them.
#[derive(Clone)]
pub struct Slots {
    all: Arc<Semaphore>,
    per_webhook: usize,
    webhooks: Arc<Mutex<HashMap<WebhookId, Arc<Semaphore>>>>,
}

/// The right to make one request. Dropping it makes room for the next.
pub struct Slot {
    webhook: WebhookId,
    slots: Slots,
    _of_all: OwnedSemaphorePermit,
    of_webhook: Option<OwnedSemaphorePermit>,
}

impl Slots {
    /// `per_webhook` of `all` at most go to one webhook.
    pub fn new(all: usize, per_webhook: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_webhook, webhooks: Arc::default() }
    }

    /// Waits for a slot: first among the webhook's own, so that the queue for a slow webhook holds none of the others'.
    pub async fn take(&self, webhook: WebhookId) -> Slot {
        let own = Arc::clone(
            self.webhooks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(webhook)
                .or_insert_with(|| Arc::new(Semaphore::new(self.per_webhook))),
        );
        let never_closed = "the semaphores are never closed";
        let of_webhook = own.acquire_owned().await.expect(never_closed);
        let of_all = Arc::clone(&self.all).acquire_owned().await.expect(never_closed);
        Slot { webhook, slots: self.clone(), _of_all: of_all, of_webhook: Some(of_webhook) }
    }
}

impl Drop for Slot {
    /// The last slot of a webhook takes its semaphore away, so that webhooks of the past hold no memory.
    fn drop(&mut self) {
        self.of_webhook = None;
        let mut webhooks = self.slots.webhooks.lock().unwrap_or_else(PoisonError::into_inner);
        if webhooks.get(&self.webhook).is_some_and(|own| Arc::strong_count(own) == 1) {
            webhooks.remove(&self.webhook);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn waits(slots: &Slots, webhook: WebhookId) -> bool {
        tokio::time::timeout(Duration::from_millis(20), slots.take(webhook)).await.is_err()
    }

    #[tokio::test]
    async fn a_webhook_at_its_limit_leaves_the_rest_to_others() {
        let (slots, slow, other) = (Slots::new(3, 2), WebhookId::generate(), WebhookId::generate());
        let held = [slots.take(slow).await, slots.take(slow).await];
        assert!(waits(&slots, slow).await);
        let third = slots.take(other).await;
        assert!(waits(&slots, other).await, "all three are taken");
        drop(held);
        assert!(!waits(&slots, slow).await);
        drop(third);
        assert!(slots.webhooks.lock().unwrap().is_empty());
    }
}
