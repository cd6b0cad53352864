//! The slot budget of a sender, by health class, account and receiver host. A slot is held until the attempt ends, so a
//! webhook is judged by how long it holds its slots.
//!
//! An attempt holds its payload in memory, and in the prefetch window, as long as its slot. Each slot has a share of bytes;
//! what a payload has beyond it is taken from a budget of its own, with the same limits. So attempts with small payloads
//! never wait for those with large ones.

mod claim;
mod ledger;

use std::collections::HashMap;
use std::hash::Hash;

use crate::adaptive_limit::HealthClass;
use crate::ids::AccountName;
pub use claim::{Claim, NoSlot};
use ledger::{Ledger, Taken};

/// One slot in this many is reserved for first attempts of webhooks without an attempt in flight; at least
/// [`LEAST_RESERVE`].
const RESERVE: u32 = 16;
const LEAST_RESERVE: u32 = 4;
/// Dynamic threshold: an account may have this many times the requests in flight to a host that are free. One account alone
/// gets three of four, two get 3 of 7 each.
const ACCOUNT_AT_HOST_THRESHOLD: u32 = 3;

/// The part of the budget that a slot belongs to; needed to give it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotPart {
    /// The shared slots.
    Shared,
    /// The slots reserved for first attempts.
    Reserve,
}

/// The granted slots of one sender.
#[derive(Debug)]
pub struct SlotBudget {
    shared: Ledger,
    /// In KiB.
    excess: Ledger,
    reserve: Reserve,
    by_host: HashMap<Box<str>, AtHost>,
    per_host: u32,
}

/// The slots reserved for first attempts.
#[derive(Debug)]
struct Reserve {
    all: u32,
    unknown: u32,
    /// For one account, and for one host.
    half: u32,
    taken: Taken,
    by_account: HashMap<AccountName, u32>,
    by_host: HashMap<Box<str>, u32>,
}

/// Requests in flight to one host, in shared slots.
#[derive(Debug, Default)]
struct AtHost {
    all: u32,
    by_account: HashMap<AccountName, u32>,
}

impl SlotBudget {
    /// `all` slots, of which `per_host` shared ones at most go to one receiver's host, and `excess` KiB for payloads beyond
    /// the slots' shares.
    pub fn new(all: u32, per_host: u32, excess: u32) -> Self {
        let reserve = (all / RESERVE).max(LEAST_RESERVE).min(all / 2);
        Self {
            shared: Ledger::new(all, all - reserve),
            excess: Ledger::new(excess, excess),
            reserve: Reserve {
                all: reserve,
                unknown: (reserve * 3).div_ceil(4),
                half: reserve.div_ceil(2),
                taken: Taken::default(),
                by_account: HashMap::new(),
                by_host: HashMap::new(),
            },
            by_host: HashMap::new(),
            per_host: per_host.max(1),
        }
    }

    /// The part of the budget that has a slot for the claim now.
    ///
    /// # Errors
    /// [`NoSlot`] when it has to wait.
    pub fn room(&self, claim: &Claim) -> Result<SlotPart, NoSlot> {
        if claim.excess > 0 {
            // Small payloads behind it may have room, so it is its own limit in any case.
            self.excess.room(claim, claim.excess).map_err(|_| NoSlot::OwnLimit)?;
        }
        // A host whose limit is reached by webhooks that hang still gets the first attempts of others.
        let shared = if self.host_has_room(claim) {
            self.shared.room(claim, 1)
        } else {
            Err(NoSlot::OwnLimit)
        };
        match (shared, self.reserve.room(claim)) {
            (Ok(()), _) => Ok(SlotPart::Shared),
            (_, Ok(())) => Ok(SlotPart::Reserve),
            (Err(NoSlot::ClassLimit), Err(NoSlot::ClassLimit)) => Err(NoSlot::ClassLimit),
            _ => Err(NoSlot::OwnLimit),
        }
    }

    fn host_has_room(&self, claim: &Claim) -> bool {
        let Some(host) = self.by_host.get(&claim.host) else {
            return true;
        };
        let free = self.per_host.saturating_sub(host.all);
        taken(&host.by_account, &claim.account) < ACCOUNT_AT_HOST_THRESHOLD.saturating_mul(free)
    }

    /// Takes the slot that [`Self::room`] found.
    pub fn take(&mut self, claim: &Claim, room: SlotPart) {
        match room {
            SlotPart::Shared => {
                self.shared.take(claim, 1);
                self.by_host.entry(claim.host.clone()).or_default().take(&claim.account);
            }
            SlotPart::Reserve => self.reserve.take(claim),
        }
        self.excess.take(claim, claim.excess);
    }

    /// Gives back a slot that was taken for this claim.
    pub fn give_back(&mut self, claim: &Claim, room: SlotPart) {
        match room {
            SlotPart::Shared => {
                self.shared.give_back(claim, 1);
                if let Some(host) = self.by_host.get_mut(&claim.host) {
                    host.give_back(&claim.account);
                    if host.all == 0 {
                        self.by_host.remove(&claim.host);
                    }
                }
            }
            SlotPart::Reserve => self.reserve.give_back(claim),
        }
        self.excess.give_back(claim, claim.excess);
    }
}

impl AtHost {
    fn take(&mut self, account: &AccountName) {
        self.all += 1;
        *self.by_account.entry(account.clone()).or_default() += 1;
    }

    fn give_back(&mut self, account: &AccountName) {
        self.all -= 1;
        release(&mut self.by_account, account);
    }
}

impl Reserve {
    /// For the first attempt of webhooks that are not known to be slow.
    fn room(&self, claim: &Claim) -> Result<(), NoSlot> {
        let of_its_kind = claim.under_way == 0
            && match claim.health_class {
                HealthClass::Quick => true,
                HealthClass::Unknown => self.taken.of(HealthClass::Unknown) < self.unknown,
                HealthClass::Slow | HealthClass::Hanging => false,
            };
        if !of_its_kind || self.taken.all() >= self.all {
            return Err(NoSlot::ClassLimit);
        }
        let of_its_own = taken(&self.by_account, &claim.account).max(taken(&self.by_host, &claim.host));
        if of_its_own < self.half {
            Ok(())
        } else {
            Err(NoSlot::OwnLimit)
        }
    }

    fn take(&mut self, claim: &Claim) {
        *self.taken.of_mut(claim.health_class) += 1;
        *self.by_account.entry(claim.account.clone()).or_default() += 1;
        *self.by_host.entry(claim.host.clone()).or_default() += 1;
    }

    fn give_back(&mut self, claim: &Claim) {
        *self.taken.of_mut(claim.health_class) -= 1;
        release(&mut self.by_account, &claim.account);
        release(&mut self.by_host, &claim.host);
    }
}

fn taken<K: Eq + Hash>(by: &HashMap<K, u32>, key: &K) -> u32 {
    by.get(key).copied().unwrap_or_default()
}

fn release<K: Eq + Hash>(by: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = by.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            by.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
