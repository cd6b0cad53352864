//! The facts of a finished run.

use std::collections::HashSet;
use std::time::Duration;

/// How a webhook's receiver is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Takes everything at once.
    Healthy,
    /// Takes everything, at a pace of its own and with odd answers: everything must arrive, if not on time.
    Odd,
    /// Misbehaves at times.
    Moody,
}

/// A webhook, by its number in [`Facts::webhooks`].
#[derive(Debug, Clone)]
pub struct Webhook {
    pub account: &'static str,
    pub event_type: &'static str,
    pub nature: Nature,
    /// As the admin API says it at the end.
    pub status: String,
}

/// An event that the broker has confirmed.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub event: String,
    pub account: &'static str,
    pub event_type: &'static str,
    /// When it was confirmed, from the beginning of the load.
    pub at: Duration,
    /// It was published away from all faults.
    pub calm: bool,
}

/// A delivery in the log.
#[derive(Debug, Clone)]
pub struct Logged {
    pub webhook: usize,
    pub event: String,
    pub state: String,
    /// Of its attempts, in their order.
    pub outcomes: Vec<String>,
}

/// A request that a receiver has seen.
#[derive(Debug, Clone)]
pub struct Received {
    pub webhook: usize,
    pub event: String,
    pub webhook_id: String,
    /// From the beginning of the load.
    pub at: Duration,
}

/// Consumers of a queue at the broker.
#[derive(Debug, Clone)]
pub struct Consumers {
    pub queue: String,
    /// Those that the processes hold.
    pub expected: u32,
    pub found: Option<u32>,
}

/// Everything the checker sees.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub webhooks: Vec<Webhook>,
    pub accepted: Vec<Accepted>,
    /// Events that were published more than once, since a confirm did not come.
    pub published_again: HashSet<String>,
    pub logged: Vec<Logged>,
    pub received: Vec<Received>,
    pub peak_memory_mib: Vec<(String, u64)>,
    pub consumers: Vec<Consumers>,
    pub left_in_queues: Vec<(String, u64)>,
    /// Processes that exited without being told to, and how.
    pub ended: Vec<(String, String)>,
}

impl Facts {
    /// The webhooks that listen to an event.
    pub fn listening(&self, event: &Accepted) -> impl Iterator<Item = usize> + use<> {
        let listens = |webhook: &Webhook| webhook.account == event.account && webhook.event_type == event.event_type;
        let listening: Vec<usize> = (0..self.webhooks.len())
            .filter(|number| listens(&self.webhooks[*number]))
            .collect();
        listening.into_iter()
    }

    /// Each accepted event at each webhook that listens.
    pub fn expected(&self) -> impl Iterator<Item = (usize, &str)> {
        self.accepted
            .iter()
            .flat_map(|event| self.listening(event).map(|webhook| (webhook, event.event.as_str())))
    }
}
