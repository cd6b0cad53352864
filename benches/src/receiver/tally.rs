//! Which deliveries of a run have arrived, and how long they took.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::event::Stamp;
use crate::quantile::quantile;

/// A receiver that is quick at first hangs after so many requests.
const QUICK: u32 = 40;
/// Requests per second that a throttling receiver accepts.
const TAKEN_PER_SECOND: u32 = 5;
const SECOND_NS: u64 = 1_000_000_000;

/// What will arrive.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Expect {
    /// Number of the run; deliveries of others are ignored.
    pub run: u32,
    /// Events of the run.
    pub events: u32,
    /// Webhooks that each event goes to.
    pub webhooks: u32,
}

/// What has arrived, once all has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// When the last distinct delivery arrived, in nanoseconds since the Unix epoch.
    pub last_ns: u64,
    /// Deliveries that arrived again.
    pub repeats: u32,
    /// Median from publish to arrival, in nanoseconds.
    pub p50_ns: u64,
    /// 99th percentile from publish to arrival, in nanoseconds.
    pub p99_ns: u64,
}

/// What has come so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Distinct deliveries.
    pub arrived: u32,
    /// Deliveries that arrived again.
    pub repeats: u32,
    /// Requests, of any run, that got no answer.
    pub unanswered: u32,
    /// Requests, of any run, that were answered with a failure.
    pub failed: u32,
}

/// Counts one run at a time.
#[derive(Default)]
pub struct Tally {
    run: Mutex<Run>,
    completed: Notify,
}

#[derive(Default)]
struct Run {
    expect: Expect,
    /// One for each delivery, true once it has arrived.
    arrived: Vec<bool>,
    latencies_ns: Vec<u64>,
    repeats: u32,
    unanswered: u32,
    failed: u32,
    last_ns: u64,
    /// Requests to receivers that are quick at first, by their number.
    quick: HashMap<u32, u32>,
    /// Requests accepted by throttling receivers, by number and second.
    taken: HashMap<(u32, u64), u32>,
}

impl Tally {
    /// Clears everything and counts this run from now on.
    pub fn expect(&self, expect: Expect) {
        let deliveries = expect.events as usize * expect.webhooks as usize;
        let arrived = vec![false; deliveries];
        let latencies_ns = Vec::with_capacity(deliveries);
        *self.lock() = Run {
            expect,
            arrived,
            latencies_ns,
            ..Run::default()
        };
    }

    /// Waits until everything expected has arrived.
    pub async fn complete(&self) -> Received {
        loop {
            let completed = self.completed.notified();
            if let Some(received) = self.lock().received() {
                return received;
            }
            completed.await;
        }
    }

    /// Counts a delivery to the webhook of this number that arrived at this time.
    pub fn count(&self, stamp: Stamp, webhook: u32, now_ns: u64) {
        if self.lock().count(stamp, webhook, now_ns) {
            self.completed.notify_one();
        }
    }

    /// Counts a request that gets no answer.
    pub fn count_unanswered(&self) {
        self.lock().unanswered += 1;
    }

    /// Counts a request that is answered with a failure.
    pub fn count_failed(&self) {
        self.lock().failed += 1;
    }

    /// Whether a receiver that is quick at first still responds.
    pub fn is_quick(&self, number: u32) -> bool {
        let mut run = self.lock();
        let requests = run.quick.entry(number).or_default();
        *requests += 1;
        *requests <= QUICK
    }

    /// Whether a throttling receiver accepts a request at this time.
    pub fn takes(&self, number: u32, now_ns: u64) -> bool {
        let mut run = self.lock();
        let taken = run.taken.entry((number, now_ns / SECOND_NS)).or_default();
        *taken += 1;
        *taken <= TAKEN_PER_SECOND
    }

    /// What has come so far.
    pub fn counts(&self) -> Counts {
        let run = self.lock();
        let arrived = u32::try_from(run.latencies_ns.len()).unwrap_or(u32::MAX);
        Counts {
            arrived,
            repeats: run.repeats,
            unanswered: run.unanswered,
            failed: run.failed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// True when this was the last one.
    fn count(&mut self, stamp: Stamp, webhook: u32, now_ns: u64) -> bool {
        if stamp.run != self.expect.run || webhook >= self.expect.webhooks {
            return false;
        }
        let place = stamp.number as usize * self.expect.webhooks as usize + webhook as usize;
        match self.arrived.get_mut(place) {
            Some(arrived) if *arrived => self.repeats += 1,
            Some(arrived) => {
                *arrived = true;
                self.latencies_ns.push(now_ns.saturating_sub(stamp.published_ns));
                self.last_ns = now_ns;
                return self.latencies_ns.len() == self.arrived.len();
            }
            None => {}
        }
        false
    }

    fn received(&mut self) -> Option<Received> {
        if self.latencies_ns.len() < self.arrived.len() {
            return None;
        }
        self.latencies_ns.sort_unstable();
        let p50_ns = quantile(&self.latencies_ns, 0.5);
        let p99_ns = quantile(&self.latencies_ns, 0.99);
        Some(Received {
            last_ns: self.last_ns,
            repeats: self.repeats,
            p50_ns,
            p99_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(run: u32, number: u32) -> Stamp {
        Stamp {
            run,
            number,
            published_ns: 100,
        }
    }

    #[tokio::test]
    async fn a_run_is_complete_when_every_webhook_got_every_event() {
        let tally = Tally::default();
        tally.expect(Expect {
            run: 2,
            events: 2,
            webhooks: 2,
        });
        for (run, number, webhook, now) in [
            (2, 0, 0, 110),
            (2, 0, 0, 900),
            (1, 1, 0, 900),
            (2, 0, 2, 900),
            (2, 2, 0, 900),
            (2, 1, 1, 120),
            (2, 0, 1, 130),
        ] {
            tally.count(stamp(run, number), webhook, now);
        }
        assert_eq!(tally.lock().received(), None);
        tally.count(stamp(2, 1), 0, 140);
        tally.count_failed();
        assert_eq!(
            tally.counts(),
            Counts {
                arrived: 4,
                repeats: 1,
                unanswered: 0,
                failed: 1
            }
        );
        assert_eq!(
            tally.complete().await,
            Received {
                last_ns: 140,
                repeats: 1,
                p50_ns: 20,
                p99_ns: 40
            }
        );
    }
}
