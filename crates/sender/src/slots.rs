//! Slots: how many requests may be in flight, in this process, and of those to one webhook, account and receiver host.
//! A webhook that hangs, fails, floods or is throttled delays only itself.

mod limits;
mod pool;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use domain::{AccountName, Claim, Deferral, DeferralCause, HealthClass, Lane, NotNow, SlotUse, Throttle, WebhookId};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use strum::VariantArray;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub use limits::SlotLimits;
use pool::{Permit, SlotPool};
use queue::{Joined, Turn, WebhookQueue};

/// Capacity and idle TTL of the per-webhook cache of limits.
const REMEMBERED: u64 = 50_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// Queue timeout for a slot, unless the webhook is quick: then the claim is repeated at this interval.
const SLOT_TIMEOUT: Duration = Duration::from_millis(250);
/// Total queue timeout of a quick webhook's job: the jobs ahead of it would have been quick.
const MAX_SLOT_TIMEOUT: Duration = Duration::from_secs(1);

/// The slots of the process. Clones share them.
#[derive(Clone)]
pub struct Slots {
    pool: Arc<SlotPool>,
    /// By lane, bounds the waiting jobs of webhooks that are not quick, to leave room in the prefetch window.
    waiting: [Places; Lane::VARIANTS.len()],
    limits: SlotLimits,
    webhooks: Cache<WebhookId, Arc<WebhookQueue>>,
    /// Origin of the times in throttles.
    origin: Instant,
}

/// A request for a slot.
#[derive(Debug, Clone, Copy)]
pub struct SlotRequest<'a> {
    /// The webhook.
    pub webhook: WebhookId,
    /// Tenant that owns the webhook.
    pub account: &'a AccountName,
    /// Receiver's host.
    pub host: &'a str,
    /// The delivery has a rate of its own: from the outbox relay or the retry ladder.
    pub released: bool,
    /// By which the job came. Those that wait in one are not in the way of those of the other.
    pub lane: Lane,
    /// Size of the payload.
    pub bytes: usize,
}

/// Places to wait, and the KiB of large payloads that may wait. Clones share them.
#[derive(Clone)]
struct Places {
    places: Arc<Semaphore>,
    excess: Arc<Semaphore>,
}

/// The right to wait in this process.
struct Place {
    _place: OwnedSemaphorePermit,
    _excess: OwnedSemaphorePermit,
}

impl Places {
    fn new(places: usize, excess: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            excess: Arc::new(Semaphore::new(excess as usize)),
        }
    }

    fn take(&self, excess: u32) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let excess = Arc::clone(&self.excess).try_acquire_many_owned(excess).ok()?;
        Some(Place {
            _place: place,
            _excess: excess,
        })
    }
}

/// The right to make one request. It ends with [`Slot::ended`] or [`Slot::deferred`], or unused.
pub struct Slot {
    turn: Turn,
    began: Instant,
    origin: Instant,
    _permit: Permit,
}

/// Why the job is spilled: waiting here, it would occupy the prefetch window of other webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpillReason {
    /// The webhook is at its limit.
    AtLimit,
    /// The webhook is throttled, or no slot is free.
    Deferred(Deferral),
    /// Only the outbox relay may send: the receiver limits the rate, and deliveries in the outbox go first; or the
    /// webhook has a rate limit of its own, which the relay keeps for all senders together.
    BacklogFirst,
}

impl From<NotNow> for SpillReason {
    fn from(not_now: NotNow) -> Self {
        match not_now {
            NotNow::Closed(deferral) => Self::Deferred(deferral),
            NotNow::BacklogFirst => Self::BacklogFirst,
        }
    }
}

impl Slots {
    /// The slots of a process with these limits.
    pub fn new(limits: SlotLimits) -> Self {
        let places = (limits.all as usize / 4).max(1);
        Self {
            pool: Arc::new(SlotPool::new(limits)),
            waiting: std::array::from_fn(|_| Places::new(places, limits.excess_waiting())),
            limits,
            webhooks: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_idle(REMEMBERED_FOR)
                // The default policy may refuse a newcomer, whose limit and throttle would be forgotten at once.
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            origin: Instant::now(),
        }
    }

    /// Waits for a slot, as long as that delays no other webhook.
    ///
    /// # Errors
    /// [`SpillReason`] when the delivery has to be spilled.
    pub async fn take(&self, request: SlotRequest<'_>) -> Result<Slot, SpillReason> {
        let most = self.limits.per_webhook;
        let queue = self
            .webhooks
            .get_with(request.webhook, || Arc::new(WebhookQueue::new(most)));
        self.admit(&queue, request)?;
        let turn = self.turn(&queue, request).await?;
        // The webhook may have been throttled while the job waited for its turn.
        self.admit(&queue, request)?;
        let permit = self.permit(&queue, request).await?;
        Ok(Slot {
            turn,
            began: Instant::now(),
            origin: self.origin,
            _permit: permit,
        })
    }

    /// Resets the throttle: the webhook was changed.
    pub fn forget_throttle(&self, webhook: WebhookId) {
        if let Some(queue) = self.webhooks.get(&webhook) {
            queue.lock().throttle = Throttle::default();
        }
    }

    fn admit(&self, queue: &WebhookQueue, request: SlotRequest<'_>) -> Result<(), SpillReason> {
        let now = self.origin.elapsed();
        Ok(queue.lock().throttle.admit(now, request.released)?)
    }

    async fn turn(&self, queue: &Arc<WebhookQueue>, request: SlotRequest<'_>) -> Result<Turn, SpillReason> {
        let (queue_timeout, health_class) = {
            let state = queue.lock();
            (state.queue_timeout(state.waiting()), state.health_class())
        };
        let place = self.place_to_wait(health_class, request);
        match queue.join(queue_timeout.is_some() && place.is_some()) {
            Joined::Now(turn) => Ok(turn),
            Joined::Waits(turn) => queue
                .wait(turn, queue_timeout.unwrap_or_default())
                .await
                .ok_or(SpillReason::AtLimit),
            Joined::Refused => Err(SpillReason::AtLimit),
        }
    }

    /// The right to wait in this process, in the lane's prefetch window. Quick webhooks return it soon; the jobs of others
    /// are limited so that they never fill the window.
    fn place_to_wait(&self, health_class: HealthClass, request: SlotRequest<'_>) -> Option<Option<Place>> {
        match health_class {
            HealthClass::Quick => Some(None),
            _ => self.waiting[request.lane as usize]
                .take(self.limits.excess_of(request.bytes))
                .map(Some),
        }
    }

    /// Waits for a slot, and begins the attempt. If webhooks that respond hold all slots, waiting is right; a webhook that
    /// falls silent meanwhile stops waiting.
    async fn permit(&self, queue: &Arc<WebhookQueue>, request: SlotRequest<'_>) -> Result<Permit, SpillReason> {
        let since = Instant::now();
        let mut first = None;
        loop {
            first = first.or_else(|| queue.first());
            let (health_class, under_way) = {
                let state = queue.lock();
                (state.health_class(), state.under_way(first.is_some()))
            };
            let account = request.account.clone();
            let host = request.host.into();
            let claim = Claim {
                account,
                host,
                health_class,
                under_way,
                excess: self.limits.excess_of(request.bytes),
            };
            let place = self.place_to_wait(health_class, request);
            let queue_timeout = if place.is_some() { SLOT_TIMEOUT } else { Duration::ZERO };
            let asked = Instant::now();
            if let Some(permit) = self.pool.permit(claim, request.lane, queue_timeout).await {
                queue.lock().begin();
                return Ok(permit);
            }
            match health_class {
                // Refused at once because too many wait already: repeating the claim would be a busy loop.
                HealthClass::Quick if asked.elapsed() >= queue_timeout && since.elapsed() < MAX_SLOT_TIMEOUT => {}
                // It would have had its slot if its own attempts had ended.
                HealthClass::Hanging => return Err(SpillReason::AtLimit),
                _ => return Err(SpillReason::Deferred(Deferral::new(DeferralCause::Crowded, None))),
            }
        }
    }
}

impl Slot {
    /// The attempt was made and says something about the receiver. `throttled`: the receiver's rate limit.
    pub fn ended(self, answered: bool, throttled: Option<Deferral>) {
        let Some(queue) = self.turn.queue() else { return };
        let mut state = queue.lock();
        let held = self.began.elapsed();
        let busy = state.is_busy();
        state.limit.attempt_ended(SlotUse {
            answered,
            throttled: throttled.is_some(),
            held,
            busy,
        });
        if let Some(deferral) = throttled {
            state.throttle.defer(self.origin.elapsed(), deferral);
        }
        if answered {
            state.answered();
        }
    }

    /// The attempt failed on our side, which says nothing about the receiver. Other deliveries wait for the same time.
    pub fn deferred(self, deferral: Deferral) {
        if let Some(queue) = self.turn.queue() {
            queue.lock().throttle.defer(self.origin.elapsed(), deferral);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(queue) = self.turn.queue() {
            queue.lock().end();
        }
    }
}
