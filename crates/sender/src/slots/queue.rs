//! The queue of one webhook: its attempts in flight, its waiting jobs, and its throttle.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{AdaptiveLimit, HealthClass, Throttle};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// One webhook's queue. Shared by its jobs.
pub(super) struct WebhookQueue(Mutex<State>);

pub(super) struct State {
    pub(super) limit: AdaptiveLimit,
    pub(super) throttle: Throttle,
    /// Attempts in flight, and jobs that have passed the limit and wait for a slot.
    turns: u32,
    sent: u32,
    /// A job claims a slot while no attempt is in flight. Of several one is the first, which may use the reserve.
    first_claims: bool,
    /// While attempts are in flight: when the last one got a response.
    silent_since: Instant,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// A place within the webhook's limit; dropping it admits the next job.
pub(super) struct Turn(Option<Arc<WebhookQueue>>);

/// The first of a webhook's jobs that claim a slot while none of its attempts is in flight.
pub(super) struct First(Arc<WebhookQueue>);

/// Whether a job was admitted to its webhook's queue.
pub(super) enum Joined {
    Now(Turn),
    Waits(oneshot::Receiver<Turn>),
    Refused,
}

impl WebhookQueue {
    pub(super) fn new(most: u32) -> Self {
        let limit = AdaptiveLimit::new(most);
        let throttle = Throttle::default();
        let silent_since = Instant::now();
        let waiting = VecDeque::new();
        Self(Mutex::new(State {
            limit,
            throttle,
            turns: 0,
            sent: 0,
            first_claims: false,
            silent_since,
            waiting,
        }))
    }

    pub(super) fn join(self: &Arc<Self>, may_wait: bool) -> Joined {
        let mut state = self.lock();
        if state.turns < state.limit.limit() && state.waiting.is_empty() {
            state.turns += 1;
            return Joined::Now(Turn(Some(Arc::clone(self))));
        }
        if !may_wait {
            return Joined::Refused;
        }
        let (turn, waits) = oneshot::channel();
        state.waiting.push_back(turn);
        Joined::Waits(waits)
    }

    /// To be held until the job's attempt has begun.
    pub(super) fn first(self: &Arc<Self>) -> Option<First> {
        let mut state = self.lock();
        let is_first = state.sent == 0 && !state.first_claims;
        state.first_claims |= is_first;
        is_first.then(|| First(Arc::clone(self)))
    }

    /// Waits for the turn. A job that arrived before anything was known of the webhook gets the queue timeout of now.
    pub(super) async fn wait(&self, mut turn: oneshot::Receiver<Turn>, queue_timeout: Duration) -> Option<Turn> {
        if let Ok(turn) = tokio::time::timeout(queue_timeout, &mut turn).await {
            return turn.ok();
        }
        let now = self.lock().queue_timeout(0).unwrap_or_default();
        tokio::time::timeout(now.saturating_sub(queue_timeout), turn)
            .await
            .ok()?
            .ok()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One attempt less is in flight; admits as many waiting jobs as the limit allows.
    fn leave(self: &Arc<Self>) {
        let mut state = self.lock();
        state.turns -= 1;
        while state.turns < state.limit.limit() {
            let Some(next) = state.waiting.pop_front() else { return };
            match next.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => state.turns += 1,
                // The waiter is gone. The turn was never taken, so its drop must not count.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

impl State {
    /// An attempt begins.
    pub(super) fn begin(&mut self) {
        if self.sent == 0 {
            self.silent_since = Instant::now();
        }
        self.sent += 1;
    }

    /// An attempt got a response.
    pub(super) fn answered(&mut self) {
        self.silent_since = Instant::now();
    }

    /// An attempt ended in any way.
    pub(super) fn end(&mut self) {
        self.sent -= 1;
    }

    /// Whether at least half of the limit is in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.turns * 2 >= self.limit.limit()
    }

    /// Attempts in flight; for a job that is not the first one, at least one is about to be.
    pub(super) fn under_way(&self, first: bool) -> u32 {
        if first { self.sent } else { self.sent.max(1) }
    }

    pub(super) fn health_class(&self) -> HealthClass {
        self.limit.health_class(self.silence())
    }

    /// Queue timeout of one more job; see [`AdaptiveLimit::queue_timeout`].
    pub(super) fn queue_timeout(&self, ahead: usize) -> Option<Duration> {
        self.limit.queue_timeout(ahead, self.silence())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn silence(&self) -> Duration {
        if self.sent == 0 {
            Duration::ZERO
        } else {
            self.silent_since.elapsed()
        }
    }
}

impl Turn {
    pub(super) fn queue(&self) -> Option<&Arc<WebhookQueue>> {
        self.0.as_ref()
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.0.lock().first_claims = false;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.leave();
        }
    }
}
