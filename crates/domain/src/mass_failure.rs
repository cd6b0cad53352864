//! The auto-pause brake: recognises when most webhooks begin to fail together. The cause is then more likely on our
//! side, and auto-pause is suspended until most of them work again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::ids::WebhookId;

/// A webhook without an attempt for this long has no traffic.
const TRAFFIC: Duration = Duration::from_secs(300);
/// Webhooks that begin to fail within this time fail together.
const TOGETHER: Duration = Duration::from_secs(300);
/// Fewer webhooks, or fewer hosts, may fail together for reasons of their own.
const LEAST_WEBHOOKS: usize = 10;
const LEAST_HOSTS: usize = 5;
/// Maximum number of webhooks observed: 50,000 are a sufficient sample.
const MOST_WATCHED: usize = 50_000;
/// How often webhooks without traffic are removed.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// The failures of all webhooks, as seen by one sender. Times count from any fixed moment.
#[derive(Debug, Default)]
pub struct MassFailure {
    webhooks: HashMap<WebhookId, Watched>,
    forgotten_at: Duration,
    on: bool,
}

#[derive(Debug)]
struct Watched {
    host: Box<str>,
    last_attempt: Duration,
    /// When the webhook began to fail: no attempt has succeeded since.
    failing_since: Option<Duration>,
}

impl MassFailure {
    /// Records the end of an attempt for the webhook at `now`.
    pub fn attempt_ended(&mut self, webhook: WebhookId, host: &str, success: bool, now: Duration) {
        if self.webhooks.len() >= MOST_WATCHED && !self.webhooks.contains_key(&webhook) {
            return;
        }
        let watched = self.webhooks.entry(webhook).or_insert_with(|| Watched {
            host: host.into(),
            last_attempt: now,
            failing_since: None,
        });
        if *watched.host != *host {
            watched.host = host.into();
        }
        watched.last_attempt = now;
        watched.failing_since = if success {
            None
        } else {
            Some(watched.failing_since.unwrap_or(now))
        };
    }

    /// Whether most webhooks fail together at `now`. It begins when more than half of the webhooks with traffic, ten of
    /// them at five hosts or more, have begun to fail within five minutes, and ends when half or fewer fail.
    pub fn judge(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.forgotten_at) >= FORGET_EVERY {
            self.webhooks
                .retain(|_, watched| now.saturating_sub(watched.last_attempt) < TRAFFIC);
            self.forgotten_at = now;
        }
        let began: Vec<_> = self
            .webhooks
            .values()
            .filter_map(|it| Some((it.failing_since?, &*it.host)))
            .collect();
        let most_fail = began.len() * 2 > self.webhooks.len();
        self.on = most_fail && (self.on || most_began_together(began, self.webhooks.len()));
        self.on
    }
}

/// `began`: when each failing webhook began to fail, and its host.
fn most_began_together(mut began: Vec<(Duration, &str)>, with_traffic: usize) -> bool {
    began.sort_unstable_by_key(|(since, _)| *since);
    let mut first = 0;
    for last in 0..began.len() {
        while began[last].0 - began[first].0 > TOGETHER {
            first += 1;
        }
        let together = &began[first..=last];
        if together.len() >= LEAST_WEBHOOKS && together.len() * 2 > with_traffic && has_hosts(together) {
            return true;
        }
    }
    false
}

fn has_hosts(began: &[(Duration, &str)]) -> bool {
    let mut hosts = HashSet::with_capacity(LEAST_HOSTS);
    began.iter().any(|(_, host)| {
        hosts.insert(*host);
        hosts.len() >= LEAST_HOSTS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Webhooks at so many hosts, each with one attempt a minute apart from the next by `spread`.
    fn failing(webhooks: u32, hosts: u32, spread: Duration) -> (MassFailure, Vec<WebhookId>, Duration) {
        let mut mass = MassFailure::default();
        let mut ids = Vec::new();
        let mut now = MINUTE;
        for number in 0..webhooks {
            let id = WebhookId::generate();
            mass.attempt_ended(id, &format!("host-{}", number % hosts), false, now);
            ids.push(id);
            now += spread;
        }
        (mass, ids, now)
    }

    #[test]
    fn ten_at_five_hosts_that_begin_together_are_one_cause() {
        let cases = [(10, 5, true), (9, 5, false), (10, 4, false), (500, 100, true)];
        for (webhooks, hosts, expected) in cases {
            let (mut mass, _, now) = failing(webhooks, hosts, Duration::ZERO);
            assert_eq!(mass.judge(now), expected, "{webhooks} {hosts}");
        }
    }

    #[test]
    fn as_many_that_succeed_speak_for_our_side() {
        let (mut mass, _, now) = failing(10, 5, Duration::ZERO);
        for _ in 0..9 {
            mass.attempt_ended(WebhookId::generate(), "well", true, now);
        }
        assert!(mass.judge(now));
        mass.attempt_ended(WebhookId::generate(), "well", true, now);
        assert!(!mass.judge(now));
    }

    #[test]
    fn those_that_began_at_different_times_have_causes_of_their_own() {
        let (mut mass, ids, now) = failing(20, 20, MINUTE);
        for (number, id) in ids.iter().enumerate() {
            mass.attempt_ended(*id, &format!("host-{number}"), false, now);
        }
        assert!(!mass.judge(now));
    }

    #[test]
    fn it_lasts_while_most_fail_and_is_over_when_they_succeed_or_have_no_traffic() {
        let (mut mass, ids, now) = failing(10, 5, Duration::ZERO);
        assert!(mass.judge(now));
        let later = now + 4 * MINUTE;
        for id in &ids {
            mass.attempt_ended(*id, "host", false, later);
        }
        assert!(mass.judge(later + 4 * MINUTE), "it goes on however long it lasts");
        for id in &ids[..5] {
            mass.attempt_ended(*id, "host", true, later + 4 * MINUTE);
        }
        assert!(!mass.judge(later + 4 * MINUTE));

        let (mut mass, _, now) = failing(10, 5, Duration::ZERO);
        assert!(mass.judge(now));
        assert!(!mass.judge(now + 6 * MINUTE));
    }
}
