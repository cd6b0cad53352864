//! What is taken of one budget (slots, or KiB of payloads), by health class and account.

use std::collections::HashMap;

use super::claim::{Claim, NoSlot};
use crate::adaptive_limit::HealthClass;
use crate::ids::AccountName;

/// Dynamic threshold: an account may have this many times what is free. One account alone gets seven eighths, two get 7 of
/// 15 each.
const ACCOUNT_THRESHOLD: u32 = 7;

/// One budget.
#[derive(Debug)]
pub(super) struct Ledger {
    limits: Limits,
    taken: Taken,
    by_account: HashMap<AccountName, Taken>,
}

/// Maximum amounts, for all classes together, and for classes of webhooks that are not quick.
#[derive(Debug)]
struct Limits {
    all: u32,
    not_quick: u32,
    slow: u32,
    hanging: u32,
}

impl Limits {
    fn of(&self, health_class: HealthClass) -> u32 {
        match health_class {
            HealthClass::Quick => self.all,
            HealthClass::Unknown => self.not_quick,
            HealthClass::Slow => self.slow,
            HealthClass::Hanging => self.hanging,
        }
    }

    /// Of those for one account, which leaves a part to others.
    fn of_account(&self, health_class: HealthClass) -> u32 {
        match health_class {
            HealthClass::Quick => self.all,
            HealthClass::Unknown | HealthClass::Slow | HealthClass::Hanging => part(self.of(health_class), 3, 4),
        }
    }
}

/// Amounts by the health class of the webhook when they were taken.
#[derive(Debug, Default)]
pub(super) struct Taken {
    quick: u32,
    unknown: u32,
    slow: u32,
    hanging: u32,
}

impl Taken {
    pub(super) fn of(&self, health_class: HealthClass) -> u32 {
        match health_class {
            HealthClass::Quick => self.quick,
            HealthClass::Unknown => self.unknown,
            HealthClass::Slow => self.slow,
            HealthClass::Hanging => self.hanging,
        }
    }

    pub(super) fn of_mut(&mut self, health_class: HealthClass) -> &mut u32 {
        match health_class {
            HealthClass::Quick => &mut self.quick,
            HealthClass::Unknown => &mut self.unknown,
            HealthClass::Slow => &mut self.slow,
            HealthClass::Hanging => &mut self.hanging,
        }
    }

    fn not_quick(&self) -> u32 {
        self.unknown + self.slow + self.hanging
    }

    pub(super) fn all(&self) -> u32 {
        self.quick + self.not_quick()
    }
}

impl Ledger {
    /// Parts of `whole` for the classes; `all` of it at most is taken here.
    pub(super) fn new(whole: u32, all: u32) -> Self {
        let limits = Limits {
            all,
            not_quick: part(whole, 3, 4),
            slow: part(whole, 3, 8),
            hanging: part(whole, 1, 4),
        };
        Self {
            limits,
            taken: Taken::default(),
            by_account: HashMap::new(),
        }
    }

    /// Whether this amount is left for the claim.
    ///
    /// # Errors
    /// [`NoSlot`] when it is not.
    pub(super) fn room(&self, claim: &Claim, amount: u32) -> Result<(), NoSlot> {
        let limits = &self.limits;
        let taken = &self.taken;
        let health_class = claim.health_class;
        let quick = health_class == HealthClass::Quick;
        let of_its_kind = fits(taken.all(), amount, limits.all)
            && fits(taken.of(health_class), amount, limits.of(health_class))
            && (quick || fits(taken.not_quick(), amount, limits.not_quick));
        if !of_its_kind {
            return Err(NoSlot::ClassLimit);
        }
        let free = limits.all.saturating_sub(taken.all());
        // Dynamic threshold: a webhook may have no more in flight than is free, so a few greedy ones leave as much as each
        // has.
        if claim.under_way > 0 && claim.under_way.saturating_mul(amount) >= free {
            return Err(NoSlot::OwnLimit);
        }
        let its_own = self.by_account.get(&claim.account).is_none_or(|account| {
            fits(account.of(health_class), amount, limits.of_account(health_class))
                && (quick || fits(account.not_quick(), amount, limits.of_account(HealthClass::Unknown)))
                && account.all() < ACCOUNT_THRESHOLD.saturating_mul(free)
        });
        if its_own { Ok(()) } else { Err(NoSlot::OwnLimit) }
    }

    pub(super) fn take(&mut self, claim: &Claim, amount: u32) {
        if amount > 0 {
            *self.taken.of_mut(claim.health_class) += amount;
            *self
                .by_account
                .entry(claim.account.clone())
                .or_default()
                .of_mut(claim.health_class) += amount;
        }
    }

    pub(super) fn give_back(&mut self, claim: &Claim, amount: u32) {
        if amount == 0 {
            return;
        }
        *self.taken.of_mut(claim.health_class) -= amount;
        if let Some(account) = self.by_account.get_mut(&claim.account) {
            *account.of_mut(claim.health_class) -= amount;
            if account.all() == 0 {
                self.by_account.remove(&claim.account);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.taken.all() == 0 && self.by_account.is_empty()
    }
}

/// An amount that never fits is granted when nothing else is taken.
fn fits(taken: u32, amount: u32, limit: u32) -> bool {
    taken == 0 || taken.saturating_add(amount) <= limit
}

fn part(whole: u32, numerator: u32, denominator: u32) -> u32 {
    let part = u64::from(whole) * u64::from(numerator) / u64::from(denominator);
    u32::try_from(part).unwrap_or(u32::MAX).max(1)
}
