//! Which of two lanes a job takes to the senders. Jobs beyond their account's token bucket go to the bulk lane, where jobs of
//! other accounts do not wait behind them.

use std::collections::HashMap;
use std::time::Instant;

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::ids::AccountName;

/// Refill rate of an account's token bucket, in jobs a second. At some 2,000 attempts a second of one sender, ten accounts may
/// use it fully before the normal lane fills.
const PER_SECOND: f64 = 200.0;
/// Size of the bucket, in jobs: an import, or two events that match 1,000 webhooks each.
const BURST: f64 = 2_000.0;
/// An account that exceeded its bucket stays in the bulk lane until this much of it is refilled. Otherwise some of its jobs would
/// overtake the waiting ones continuously, at the full rate of the normal lane.
const FREE_AGAIN: f64 = BURST / 2.0;
/// Maximum number of accounts with a bucket in memory. One with a single job is forgotten after 5 ms, so about 100 suffice for
/// 20,000 jobs a second.
const MOST_ACCOUNTS: usize = 10_000;

/// A queue to the senders.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Lane {
    /// Jobs within their account's token bucket, and jobs with a rate of their own.
    Normal,
    /// All other jobs.
    Bulk,
}

/// The token buckets of all accounts in one process.
#[derive(Debug, Default)]
pub struct LaneBudgets {
    accounts: HashMap<AccountName, Used>,
}

/// How much of a bucket is used.
#[derive(Debug, Clone, Copy)]
struct Used {
    jobs: f64,
    at: Instant,
    exceeded: bool,
}

impl LaneBudgets {
    /// The lane of this many jobs that an account publishes together at `now`; they are taken from its bucket.
    pub fn lane(&mut self, account: &AccountName, jobs: usize, now: Instant) -> Lane {
        if let Some(used) = self.accounts.get_mut(account) {
            return used.lane(jobs, now);
        }
        if self.accounts.len() >= MOST_ACCOUNTS {
            self.accounts.retain(|_, used| !used.is_nothing(now));
        }
        let mut used = Used {
            jobs: 0.0,
            at: now,
            exceeded: false,
        };
        let lane = used.lane(jobs, now);
        if self.accounts.len() < MOST_ACCOUNTS {
            self.accounts.insert(account.clone(), used);
        }
        lane
    }
}

impl Used {
    fn lane(&mut self, jobs: usize, now: Instant) -> Lane {
        self.jobs = self.left(now);
        self.at = self.at.max(now);
        self.exceeded &= self.jobs > BURST - FREE_AGAIN;
        let wanted = self.jobs + jobs as f64;
        self.exceeded |= wanted > BURST;
        self.jobs = wanted.min(BURST);
        if self.exceeded { Lane::Bulk } else { Lane::Normal }
    }

    fn left(&self, now: Instant) -> f64 {
        (self.jobs - now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND).max(0.0)
    }

    fn is_nothing(&self, now: Instant) -> bool {
        self.left(now) == 0.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::Duration;

    use super::*;

    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    const SECOND: Duration = Duration::from_secs(1);

    fn account(name: &str) -> AccountName {
        name.parse().unwrap()
    }

    /// Of so many jobs made one by one from `from` on, evenly within `time`, how many take the normal lane.
    fn normal(budgets: &mut LaneBudgets, name: &str, jobs: u32, from: Duration, time: Duration) -> usize {
        let account = account(name);
        let lanes = (0..jobs).map(|number| budgets.lane(&account, 1, *ORIGIN + from + time * number / jobs));
        lanes.filter(|lane| *lane == Lane::Normal).count()
    }

    #[test]
    fn a_flood_takes_the_bulk_lane_and_others_the_normal_one() {
        let mut budgets = LaneBudgets::default();
        let flood = normal(&mut budgets, "acme", 200_000, SECOND, 15 * SECOND);
        assert!((2_000..2_100).contains(&flood), "{flood}");
        assert_eq!(budgets.lane(&account("beta"), 1, *ORIGIN + 16 * SECOND), Lane::Normal);
        assert_eq!(budgets.lane(&account("acme"), 1, *ORIGIN + 16 * SECOND), Lane::Bulk);
    }

    #[test]
    fn a_steady_rate_within_the_budget_and_a_burst_at_times_stay_in_the_normal_lane() {
        let mut budgets = LaneBudgets::default();
        assert_eq!(normal(&mut budgets, "acme", 12_000, SECOND, 60 * SECOND), 12_000);
        for minute in 2..5 {
            assert_eq!(normal(&mut budgets, "acme", 2_000, minute * 60 * SECOND, SECOND), 2_000);
        }
    }

    #[test]
    fn an_account_returns_when_half_of_its_burst_is_free_again_and_not_job_by_job() {
        let mut budgets = LaneBudgets::default();
        normal(&mut budgets, "acme", 5_000, SECOND, SECOND);
        assert_eq!(
            normal(&mut budgets, "acme", 30_000, 2 * SECOND, 100 * SECOND),
            0,
            "300 a second are too many"
        );
        assert_eq!(budgets.lane(&account("acme"), 1, *ORIGIN + 106 * SECOND), Lane::Bulk);
        assert_eq!(budgets.lane(&account("acme"), 1, *ORIGIN + 108 * SECOND), Lane::Normal);
        let burst = normal(&mut budgets, "acme", 2_000, 108 * SECOND, SECOND);
        assert!((1_200..1_400).contains(&burst), "{burst}");
    }

    #[test]
    fn jobs_made_together_take_one_lane() {
        let mut budgets = LaneBudgets::default();
        let acme = account("acme");
        assert_eq!(
            [1, 2, 3].map(|_| budgets.lane(&acme, 1_000, *ORIGIN + SECOND)),
            [Lane::Normal, Lane::Normal, Lane::Bulk]
        );
        assert_eq!(budgets.lane(&account("beta"), 2_001, *ORIGIN + SECOND), Lane::Bulk);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_flood_is_not_forgotten() {
        let mut budgets = LaneBudgets::default();
        normal(&mut budgets, "acme", 5_000, SECOND, SECOND);
        for number in 0..3 * MOST_ACCOUNTS {
            let now = 2 * SECOND + Duration::from_micros(50) * number as u32;
            assert_eq!(
                budgets.lane(&account(&number.to_string()), 1, *ORIGIN + now),
                Lane::Normal
            );
            assert!(budgets.accounts.len() <= MOST_ACCOUNTS);
        }
        assert_eq!(budgets.lane(&account("acme"), 1, *ORIGIN + 4 * SECOND), Lane::Bulk);
    }

    #[test]
    fn a_moment_of_before_gives_nothing_back() {
        let mut budgets = LaneBudgets::default();
        let acme = account("acme");
        assert_eq!(budgets.lane(&acme, 2_000, *ORIGIN + 10 * SECOND), Lane::Normal);
        assert_eq!(budgets.lane(&acme, 1, *ORIGIN + SECOND), Lane::Bulk);
        assert_eq!(budgets.lane(&acme, 1, *ORIGIN + 10 * SECOND), Lane::Bulk);
    }
}
