//! Tells failures of single receivers from failures of something of ours that all receivers are reached through: our
//! name servers, our egress.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// If this many hosts fail one after the other, and none succeeds in between, the cause is common to them.
const SEVERAL: usize = 3;
/// Failures older than this are ignored.
const OF_LATE: Duration = Duration::from_secs(60);
/// Only [`SEVERAL`] matter; hosts beyond this number are not distinguished.
const REMEMBERED: usize = 8;

/// The hosts that failed recently, since the last success.
#[derive(Debug, Clone, Default)]
pub struct FailingHosts {
    failures: VecDeque<(Box<str>, Instant)>,
}

impl FailingHosts {
    /// A host was reached, so the common path works.
    pub fn succeeded(&mut self) {
        self.failures.clear();
    }

    /// A host could not be reached.
    pub fn failed(&mut self, host: &str, now: Instant) {
        self.failures
            .retain(|(failed, at)| **failed != *host && now.duration_since(*at) < OF_LATE);
        if self.failures.len() == REMEMBERED {
            self.failures.pop_front();
        }
        self.failures.push_back((host.into(), now));
    }

    /// Whether several hosts failed recently, and none was reached since the first of them.
    pub fn are_several(&self, now: Instant) -> bool {
        let of_late = self.failures.iter().filter(|(_, at)| now.duration_since(*at) < OF_LATE);
        of_late.count() >= SEVERAL
    }
}

/// How our name servers respond to queries for names known to resolve, sent after another lookup failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameServers {
    /// A name that resolved before still resolves.
    Resolve,
    /// They respond, but resolve none of the names that they resolved before, or none has been resolved yet.
    Answer,
    /// They do not respond.
    AreSilent,
}

impl NameServers {
    /// Whether a failed lookup is the fault of our name servers rather than of the name's own zone.
    pub fn are_at_fault(self, failing: &FailingHosts, now: Instant) -> bool {
        match self {
            Self::Resolve => false,
            Self::Answer => failing.are_several(now),
            Self::AreSilent => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(hosts: &[&str], at: Instant) -> FailingHosts {
        let mut failing = FailingHosts::default();
        for host in hosts {
            failing.failed(host, at);
        }
        failing
    }

    #[test]
    fn one_host_that_fails_often_is_one() {
        let now = Instant::now();
        assert!(!failing(&["a", "b", "a", "b", "b"], now).are_several(now));
        assert!(failing(&["a", "b", "a", "c"], now).are_several(now));
    }

    #[test]
    fn a_host_that_is_reached_shows_that_the_way_is_open() {
        let now = Instant::now();
        let mut failing = failing(&["a", "b", "c", "d"], now);
        failing.succeeded();
        failing.failed("a", now);
        failing.failed("b", now);
        assert!(!failing.are_several(now));
    }

    #[test]
    fn failures_of_long_ago_say_nothing() {
        let start = Instant::now();
        let mut failing = failing(&["a", "b"], start);
        failing.failed("c", start + OF_LATE);
        assert!(!failing.are_several(start + OF_LATE));
        failing.failed("d", start + OF_LATE);
        failing.failed("e", start + OF_LATE);
        assert!(failing.are_several(start + OF_LATE));
        assert!(!failing.are_several(start + 2 * OF_LATE));
    }

    #[test]
    fn memory_is_bounded() {
        let names: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
        let failing = failing(&names.iter().map(String::as_str).collect::<Vec<_>>(), Instant::now());
        assert_eq!(failing.failures.len(), REMEMBERED);
    }

    #[test]
    fn name_servers_are_at_fault_when_nothing_is_resolved() {
        let now = Instant::now();
        let one = failing(&["a"], now);
        let several = failing(&["a", "b", "c"], now);
        assert!(!NameServers::Resolve.are_at_fault(&several, now));
        assert!(!NameServers::Answer.are_at_fault(&one, now));
        assert!(NameServers::Answer.are_at_fault(&several, now));
        assert!(NameServers::AreSilent.are_at_fault(&one, now));
    }
}
