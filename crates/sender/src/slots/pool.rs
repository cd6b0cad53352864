//! The slots of the process, shared by all webhooks, and the jobs waiting for one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Claim, HealthClass, Lane, NoSlot, SlotBudget, SlotPart};
use strum::VariantArray;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::limits::SlotLimits;

/// Maximum jobs of full accounts and hosts that are skipped to find one with a free slot.
const PASSED_OVER: usize = 64;
/// Kinds of claims in one lane.
const KINDS: usize = 8;
/// Dynamic threshold: an account may have this many times the places to wait that are free.
const ACCOUNT_THRESHOLD: usize = 3;

/// The slots, and the waiting jobs by lane and kind of claim.
pub(super) struct SlotPool(Mutex<State>);

struct State {
    budget: SlotBudget,
    /// Those of the normal lane first.
    waiting: [VecDeque<Waiter>; KINDS * Lane::VARIANTS.len()],
    turnover: Turnover,
    /// Jobs of quick webhooks that may wait in a lane at any turnover. Together with the jobs in flight and those of other
    /// webhooks they never fill the lane's prefetch window, which is twice the number of slots.
    least_waiting: usize,
    /// KiB of payloads, beyond the slots' shares, that may wait in a lane.
    excess_waiting: u32,
}

/// Slots given back per second.
struct Turnover {
    began: Instant,
    this_second: usize,
    last_second: usize,
}

impl Turnover {
    fn count(&mut self) {
        self.roll();
        self.this_second += 1;
    }

    fn per_second(&mut self) -> usize {
        self.roll();
        self.this_second.max(self.last_second)
    }

    fn roll(&mut self) {
        let seconds = self.began.elapsed().as_secs();
        if seconds > 0 {
            self.last_second = if seconds == 1 { self.this_second } else { 0 };
            (self.began, self.this_second) = (Instant::now(), 0);
        }
    }
}

struct Waiter {
    claim: Claim,
    permit: oneshot::Sender<Permit>,
}

/// One slot; dropping it passes the slot to the next job.
pub(super) struct Permit {
    pool: Option<Arc<SlotPool>>,
    claim: Claim,
    room: SlotPart,
}

impl SlotPool {
    pub(super) fn new(limits: SlotLimits) -> Self {
        let turnover = Turnover {
            began: Instant::now(),
            this_second: 0,
            last_second: 0,
        };
        let least_waiting = (limits.all as usize / 2).max(1);
        let budget = SlotBudget::new(limits.all, limits.per_host, limits.excess());
        let excess_waiting = limits.excess_waiting();
        Self(Mutex::new(State {
            budget,
            waiting: Default::default(),
            turnover,
            least_waiting,
            excess_waiting,
        }))
    }

    /// Waits for a slot for at most `queue_timeout`, or not at all if too many wait already.
    pub(super) async fn permit(self: &Arc<Self>, claim: Claim, lane: Lane, queue_timeout: Duration) -> Option<Permit> {
        let permit = {
            let mut state = self.lock();
            let queue = &mut state.waiting[queue_of(&claim, lane)];
            queue.retain(|waiter| !waiter.permit.is_closed());
            // Jobs ahead wait for their own account or host: a claim with a free slot does not wait behind them.
            if let Ok(room) = state.budget.room(&claim) {
                return Some(state.permit(self, claim, room));
            }
            if !state.may_wait(&claim, lane) {
                return None;
            }
            let (sender, permit) = oneshot::channel();
            state.waiting[queue_of(&claim, lane)].push_back(Waiter { claim, permit: sender });
            permit
        };
        tokio::time::timeout(queue_timeout, permit).await.ok()?.ok()
    }

    fn give_back(self: &Arc<Self>, claim: &Claim, room: SlotPart) {
        let mut state = self.lock();
        state.budget.give_back(claim, room);
        state.turnover.count();
        for queue in 0..state.waiting.len() {
            state.admit_from(self, queue);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether one more may wait in the lane: as many as get their slots within a second, and not all of one account.
    fn may_wait(&mut self, claim: &Claim, lane: Lane) -> bool {
        let places = self.least_waiting.max(self.turnover.per_second());
        let first = KINDS * lane as usize;
        let mut taken = 0;
        let mut by_account = 0;
        let mut excess = claim.excess;
        for waiter in self.waiting[first..first + KINDS].iter().flatten() {
            taken += 1;
            by_account += usize::from(waiter.claim.account == claim.account);
            excess = excess.saturating_add(waiter.claim.excess);
        }
        let fits = claim.excess == 0 || excess <= self.excess_waiting;
        fits && by_account < ACCOUNT_THRESHOLD * places.saturating_sub(taken)
    }

    fn permit(&mut self, pool: &Arc<SlotPool>, claim: Claim, room: SlotPart) -> Permit {
        self.budget.take(&claim, room);
        Permit {
            pool: Some(Arc::clone(pool)),
            claim,
            room,
        }
    }

    /// Grants slots to waiting jobs, in their order.
    fn admit_from(&mut self, pool: &Arc<SlotPool>, queue: usize) {
        let mut place = 0;
        while place < PASSED_OVER.min(self.waiting[queue].len()) {
            match self.budget.room(&self.waiting[queue][place].claim) {
                Ok(room) => self.admit(pool, queue, place, room),
                Err(NoSlot::OwnLimit) => place += 1,
                Err(NoSlot::ClassLimit) => return,
            }
        }
    }

    fn admit(&mut self, pool: &Arc<SlotPool>, queue: usize, place: usize, room: SlotPart) {
        let Some(Waiter { claim, permit }) = self.waiting[queue].remove(place) else {
            return;
        };
        if let Err(mut refused) = permit.send(self.permit(pool, claim, room)) {
            // The waiter is gone. Dropping the permit would lock the pool again.
            refused.pool = None;
            self.budget.give_back(&refused.claim, room);
        }
    }
}

/// In each lane quick webhooks first. Those without an attempt in flight may use the reserve, so they have a queue of their
/// own.
fn queue_of(claim: &Claim, lane: Lane) -> usize {
    let health_class = match claim.health_class {
        HealthClass::Quick => 0,
        HealthClass::Unknown => 1,
        HealthClass::Slow => 2,
        HealthClass::Hanging => 3,
    };
    KINDS * lane as usize + 2 * health_class + usize::from(claim.under_way > 0)
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.give_back(&self.claim, self.room);
        }
    }
}
