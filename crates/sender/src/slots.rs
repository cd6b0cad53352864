//! How many requests may be in flight: in this process, and of those to one webhook. A webhook that hangs, fails or
//! floods waits for itself alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{AdaptiveLimit, Standing, WebhookId};
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

/// Webhooks of which is remembered how they answered, and for how long after their last attempt.
const REMEMBERED: u64 = 50_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// The process' slots. Clones share them.
#[derive(Clone)]
pub struct Slots {
    pools: Arc<Pools>,
    most_per_webhook: u32,
    webhooks: Cache<WebhookId, Arc<Line>>,
}

/// Slots by who may take them: half by webhooks that are slow or do not answer, three quarters by these and by those of
/// which nothing is known, all by everyone.
struct Pools {
    all: Arc<Semaphore>,
    not_quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// The attempts of one webhook: those under way, and the jobs that wait for their turn.
struct Line(Mutex<State>);

struct State {
    limit: AdaptiveLimit,
    under_way: u32,
    /// While attempts are under way: since when none was answered.
    silent_since: Instant,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// A place among a webhook's attempts under way; dropping it lets the next one go.
struct Turn(Option<Arc<Line>>);

/// The right to make one request. It ends with [`Slot::ended`], or unused.
pub struct Slot {
    turn: Turn,
    _permits: [Option<OwnedSemaphorePermit>; 3],
}

/// The job would wait here for too long, in the place of jobs for others.
#[derive(Debug, PartialEq, Eq)]
pub struct AtItsLimit;

impl Slots {
    /// `most_per_webhook` of `all` at most go to one webhook.
    pub fn new(all: usize, most_per_webhook: usize) -> Self {
        let pool = |size: usize| Arc::new(Semaphore::new(size.max(1)));
        Self {
            pools: Arc::new(Pools { all: pool(all), not_quick: pool(all * 3 / 4), slow: pool(all / 2) }),
            most_per_webhook: u32::try_from(most_per_webhook).unwrap_or(u32::MAX),
            webhooks: Cache::builder().max_capacity(REMEMBERED).time_to_idle(REMEMBERED_FOR).build(),
        }
    }

    /// Waits for a slot, as long as that hurts nobody else.
    ///
    /// # Errors
    /// [`AtItsLimit`] when the webhook has more under way than it absorbs.
    pub async fn take(&self, webhook: WebhookId) -> Result<Slot, AtItsLimit> {
        let most = self.most_per_webhook;
        let line = self.webhooks.get_with(webhook, || Arc::new(Line::new(most)));
        let (standing, patience) = {
            let state = line.lock();
            (state.limit.standing(), state.patience(state.waiting.len()))
        };
        let turn = match line.join(patience.is_some()) {
            Joined::Now(turn) => turn,
            Joined::Waits(turn) => line.wait(turn, patience.unwrap_or_default()).await?,
            Joined::Refused => return Err(AtItsLimit),
        };
        self.pools.admit(turn, standing, patience.unwrap_or(Duration::from_secs(1))).await
    }
}

impl Pools {
    async fn admit(&self, turn: Turn, standing: Standing, patience: Duration) -> Result<Slot, AtItsLimit> {
        let never_closed = "the semaphores are never closed";
        let of = |pool: &Arc<Semaphore>| Arc::clone(pool).acquire_owned();
        let others = async {
            let slow = match standing {
                Standing::Slow => Some(of(&self.slow).await.expect(never_closed)),
                Standing::Quick | Standing::Unknown => None,
            };
            let not_quick = match standing {
                Standing::Slow | Standing::Unknown => Some(of(&self.not_quick).await.expect(never_closed)),
                Standing::Quick => None,
            };
            (slow, not_quick)
        };
        let (slow, not_quick) = tokio::time::timeout(patience, others).await.map_err(|_| AtItsLimit)?;
        let all = of(&self.all).await.expect(never_closed);
        Ok(Slot { turn, _permits: [Some(all), not_quick, slow] })
    }
}

enum Joined {
    Now(Turn),
    Waits(oneshot::Receiver<Turn>),
    Refused,
}

impl Line {
    fn new(most: u32) -> Self {
        let (limit, silent_since) = (AdaptiveLimit::new(most), Instant::now());
        Self(Mutex::new(State { limit, under_way: 0, silent_since, waiting: VecDeque::new() }))
    }

    fn join(self: &Arc<Self>, may_wait: bool) -> Joined {
        let mut state = self.lock();
        if state.under_way < state.limit.limit() && state.waiting.is_empty() {
            state.begin();
            return Joined::Now(Turn(Some(Arc::clone(self))));
        }
        if !may_wait {
            return Joined::Refused;
        }
        let (turn, waits) = oneshot::channel();
        state.waiting.push_back(turn);
        Joined::Waits(waits)
    }

    /// Waits for the turn. A job that came when nothing was known of the webhook gets what patience it would have now.
    async fn wait(&self, mut turn: oneshot::Receiver<Turn>, patience: Duration) -> Result<Turn, AtItsLimit> {
        if let Ok(turn) = tokio::time::timeout(patience, &mut turn).await {
            return turn.map_err(|_| AtItsLimit);
        }
        let now = self.lock().patience(0).unwrap_or_default();
        let turn = tokio::time::timeout(now.saturating_sub(patience), turn).await;
        turn.map_err(|_| AtItsLimit)?.map_err(|_| AtItsLimit)
    }

    /// One attempt less is under way; as many of those that wait may go as the limit allows.
    fn leave(self: &Arc<Self>) {
        let mut state = self.lock();
        state.under_way -= 1;
        while state.under_way < state.limit.limit() {
            let Some(next) = state.waiting.pop_front() else { return };
            match next.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => state.begin(),
                // Nobody waits any more. The turn must not leave by being dropped: it never was under way.
                Err(mut turn) => turn.0 = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) {
        if self.under_way == 0 {
            self.silent_since = Instant::now();
        }
        self.under_way += 1;
    }

    fn patience(&self, waiting: usize) -> Option<Duration> {
        let silence = if self.under_way == 0 { Duration::ZERO } else { self.silent_since.elapsed() };
        self.limit.patience(waiting, silence)
    }
}

impl Slot {
    /// The attempt was made: what it showed about the webhook counts for those after it.
    pub fn ended(self, answered: bool, took: Duration) {
        if let Some(line) = &self.turn.0 {
            let mut state = line.lock();
            state.limit.attempt_ended(answered, took);
            if answered {
                state.silent_since = Instant::now();
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(line) = self.0.take() {
            line.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(15);
    const MILLISECOND: Duration = Duration::from_millis(1);

    async fn taken(slots: &Slots, webhook: WebhookId, count: usize) -> Vec<Slot> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(slots.take(webhook).await.ok().unwrap());
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_webhook_that_hangs_keeps_its_jobs_waiting_for_a_moment_only_and_then_not_at_all() {
        let (slots, hanging) = (Slots::new(512, 64), WebhookId::generate());
        let under_way = taken(&slots, hanging, 4).await;
        let began = tokio::time::Instant::now();
        assert_eq!(slots.take(hanging).await.err(), Some(AtItsLimit));
        assert!(began.elapsed() >= Duration::from_millis(250));
        under_way.into_iter().for_each(|slot| slot.ended(false, TIMEOUT));
        let one = slots.take(hanging).await.ok().unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(slots.take(hanging).await.err(), Some(AtItsLimit));
        assert_eq!(began.elapsed(), Duration::ZERO);
        one.ended(true, MILLISECOND);
        drop(taken(&slots, hanging, 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_hang_the_others_get_their_slots() {
        let (slots, quick) = (Slots::new(16, 4), WebhookId::generate());
        taken(&slots, quick, 1).await.into_iter().for_each(|slot| slot.ended(true, MILLISECOND));
        let mut hanging = Vec::new();
        for _ in 0..20 {
            let webhook = WebhookId::generate();
            let known_to_hang = slots.take(webhook).await;
            if let Ok(slot) = known_to_hang {
                slot.ended(false, TIMEOUT);
            }
            hanging.extend(slots.take(webhook).await);
        }
        assert_eq!(hanging.len(), 8, "half of all");
        let unknown = slots.take(WebhookId::generate()).await;
        assert!(unknown.is_ok());
        assert_eq!(taken(&slots, quick, 4).await.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_go_in_their_order_as_soon_as_there_is_room() {
        let (slots, webhook) = (Slots::new(16, 1), WebhookId::generate());
        taken(&slots, webhook, 1).await.into_iter().for_each(|slot| slot.ended(true, MILLISECOND));
        let first = slots.take(webhook).await.ok().unwrap();
        let given_up = tokio::time::timeout(MILLISECOND, slots.take(webhook)).await;
        assert!(given_up.is_err());
        let second = tokio::spawn({
            let slots = slots.clone();
            async move { slots.take(webhook).await.map(|slot| slot.ended(true, MILLISECOND)) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(second.await.unwrap(), Ok(()));
        assert!(slots.take(webhook).await.is_ok(), "a turn that nobody waited for any more is not lost");
    }
}
