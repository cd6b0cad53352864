//! What must hold when a run is over, judged from facts alone: pure, so that it can be shown to find each violation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use super::facts::{Facts, Logged, Nature, Webhook};

/// How much is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Requests of healthy webhooks that came again, as a share of all, in percent.
    pub repeats_percent: f64,
    /// From the broker's confirm to the first request, for 99 of 100 events of calm times.
    pub calm_p99: Duration,
    /// Peak resident memory of one process.
    pub memory_mib: u64,
}

/// With fewer deliveries in calm times than this, the slowest of a hundred says nothing.
const FEWEST_CALM: usize = 100;
/// Outcomes of an attempt that a receiver, or its name's zone, brings about. `blocked` and `local_error` are none: every
/// name leads to an address that may be dialled.
const RECEIVERS_REASONS: [&str; 7] = [
    "dns_error",
    "http_3xx",
    "http_4xx",
    "http_5xx",
    "timeout",
    "connect_error",
    "tls_error",
];

/// What must not be.
#[derive(Debug, Clone, PartialEq)]
pub enum Violation {
    /// No trace of an accepted event at a webhook that listens.
    Lost {
        webhook: usize,
        event: String,
    },
    /// It should be settled, and is in this state.
    Unsettled {
        webhook: usize,
        event: String,
        state: String,
    },
    /// The log says delivered, and the receiver saw nothing.
    NeverSeen {
        webhook: usize,
        event: String,
    },
    /// Failed, though its receiver was healthy or the last outcome is not a receiver's doing.
    WronglyFailed {
        webhook: usize,
        event: String,
        outcomes: Vec<String>,
    },
    /// Paused or shown as failing, though its receiver was healthy.
    WronglyPaused {
        webhook: usize,
        status: String,
    },
    /// One delivery under several ids, or one id for several deliveries.
    Ids {
        webhook: usize,
        event: String,
        ids: Vec<String>,
    },
    TooManyRepeats {
        repeats: usize,
        requests: usize,
    },
    Late {
        p99: Duration,
        of: usize,
    },
    Memory {
        process: String,
        mib: u64,
    },
    Consumers {
        queue: String,
        expected: u32,
        found: Option<u32>,
    },
    LeftInQueue {
        queue: String,
        messages: u64,
    },
    /// It exited without being told to.
    Ended {
        process: String,
        how: String,
    },
}

/// Everything that is wrong.
pub fn check(facts: &Facts, bounds: &Bounds) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(deliveries(facts));
    violations.extend(ids(facts));
    violations.extend(paused(facts));
    violations.extend(repeats(facts, bounds));
    violations.extend(late(facts, bounds));
    violations.extend(processes(facts, bounds));
    violations.extend(queues(facts));
    violations
}

fn deliveries(facts: &Facts) -> Vec<Violation> {
    let logged: HashMap<(usize, &str), &Logged> = facts
        .logged
        .iter()
        .map(|logged| ((logged.webhook, logged.event.as_str()), logged))
        .collect();
    let seen: BTreeSet<(usize, &str)> = facts
        .received
        .iter()
        .map(|it| (it.webhook, it.event.as_str()))
        .collect();
    let mut violations = Vec::new();
    for (webhook, event) in facts.expected() {
        let delivery = logged.get(&(webhook, event));
        violations.extend(judge(
            &facts.webhooks[webhook],
            webhook,
            event,
            delivery,
            seen.contains(&(webhook, event)),
        ));
    }
    violations
}

fn judge(webhook: &Webhook, number: usize, event: &str, logged: Option<&&Logged>, seen: bool) -> Option<Violation> {
    let event = event.to_owned();
    let Some(logged) = logged else {
        return Some(Violation::Lost { webhook: number, event });
    };
    match logged.state.as_str() {
        "delivered" if seen => None,
        "delivered" => Some(Violation::NeverSeen { webhook: number, event }),
        "failed" => {
            let last = logged.outcomes.last().map_or("", String::as_str);
            let for_a_reason = webhook.nature == Nature::Moody && RECEIVERS_REASONS.contains(&last);
            let outcomes = logged.outcomes.clone();
            (!for_a_reason).then_some(Violation::WronglyFailed {
                webhook: number,
                event,
                outcomes,
            })
        }
        state => Some(Violation::Unsettled {
            webhook: number,
            event,
            state: state.to_owned(),
        }),
    }
}

fn ids(facts: &Facts) -> Vec<Violation> {
    let mut of_event: BTreeMap<(usize, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut of_id: HashMap<&str, BTreeSet<(usize, &str)>> = HashMap::new();
    for request in &facts.received {
        of_event
            .entry((request.webhook, &request.event))
            .or_default()
            .insert(&request.webhook_id);
        of_id
            .entry(&request.webhook_id)
            .or_default()
            .insert((request.webhook, &request.event));
    }
    let several = of_event.into_iter().filter(|(_, ids)| ids.len() > 1);
    let shared = of_id.into_iter().filter(|(_, events)| events.len() > 1);
    let several = several.map(|((webhook, event), ids)| (webhook, event, ids.into_iter().map(str::to_owned).collect()));
    let shared = shared.flat_map(|(id, events)| {
        events
            .into_iter()
            .map(move |(webhook, event)| (webhook, event, vec![id.to_owned()]))
    });
    several
        .chain(shared)
        .map(|(webhook, event, ids)| Violation::Ids {
            webhook,
            event: event.to_owned(),
            ids,
        })
        .collect()
}

fn paused(facts: &Facts) -> Vec<Violation> {
    let wrong = |(number, webhook): (usize, &Webhook)| {
        let healthy = webhook.nature != Nature::Moody;
        (healthy && webhook.status != "active").then(|| Violation::WronglyPaused {
            webhook: number,
            status: webhook.status.clone(),
        })
    };
    facts.webhooks.iter().enumerate().filter_map(wrong).collect()
}

/// Of events that were published once and reached a receiver that takes everything at once.
fn repeats(facts: &Facts, bounds: &Bounds) -> Option<Violation> {
    let (mut requests, mut different) = (0, BTreeSet::new());
    for request in &facts.received {
        if facts.webhooks[request.webhook].nature == Nature::Healthy && !facts.published_again.contains(&request.event)
        {
            requests += 1;
            different.insert((request.webhook, &request.event));
        }
    }
    let repeats = requests - different.len();
    let too_many = repeats as f64 > requests as f64 * bounds.repeats_percent / 100.0;
    too_many.then_some(Violation::TooManyRepeats { repeats, requests })
}

fn late(facts: &Facts, bounds: &Bounds) -> Option<Violation> {
    let lags = calm_lags(facts);
    let p99 = percentile(&lags, 99)?;
    (lags.len() >= FEWEST_CALM && p99 > bounds.calm_p99).then_some(Violation::Late { p99, of: lags.len() })
}

/// How long the first requests of healthy webhooks took in calm times, in ascending order.
pub fn calm_lags(facts: &Facts) -> Vec<Duration> {
    let mut first: HashMap<(usize, &str), Duration> = HashMap::new();
    for request in &facts.received {
        let at = first.entry((request.webhook, &request.event)).or_insert(request.at);
        *at = request.at.min(*at);
    }
    let calm = facts.accepted.iter().filter(|accepted| accepted.calm);
    let mut lags: Vec<Duration> = calm
        .flat_map(|accepted| facts.listening(accepted).map(move |webhook| (webhook, accepted)))
        .filter(|(webhook, _)| facts.webhooks[*webhook].nature == Nature::Healthy)
        .filter_map(|(webhook, accepted)| {
            Some(
                first
                    .get(&(webhook, accepted.event.as_str()))?
                    .saturating_sub(accepted.at),
            )
        })
        .collect();
    lags.sort();
    lags
}

/// `None` where there is nothing.
pub fn percentile(ascending: &[Duration], percent: usize) -> Option<Duration> {
    ascending
        .get((ascending.len() * percent / 100).min(ascending.len().saturating_sub(1)))
        .copied()
}

fn processes(facts: &Facts, bounds: &Bounds) -> Vec<Violation> {
    let too_large = facts.peak_memory_mib.iter().filter(|(_, mib)| *mib > bounds.memory_mib);
    let ended = facts.ended.iter().map(|(process, how)| Violation::Ended {
        process: process.clone(),
        how: how.clone(),
    });
    too_large
        .map(|(process, mib)| Violation::Memory {
            process: process.clone(),
            mib: *mib,
        })
        .chain(ended)
        .collect()
}

fn queues(facts: &Facts) -> Vec<Violation> {
    let consumers = facts
        .consumers
        .iter()
        .filter(|consumers| consumers.found != Some(consumers.expected));
    let consumers = consumers.map(|it| Violation::Consumers {
        queue: it.queue.clone(),
        expected: it.expected,
        found: it.found,
    });
    let left = facts.left_in_queues.iter().filter(|(_, messages)| *messages > 0);
    consumers
        .chain(left.map(|(queue, messages)| Violation::LeftInQueue {
            queue: queue.clone(),
            messages: *messages,
        }))
        .collect()
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { webhook, event } => write!(f, "lost: event {event} at webhook {webhook}"),
            Self::Unsettled { webhook, event, state } => write!(f, "still {state}: event {event} at webhook {webhook}"),
            Self::NeverSeen { webhook, event } => {
                write!(f, "called delivered and never seen: event {event} at webhook {webhook}")
            }
            Self::WronglyFailed {
                webhook,
                event,
                outcomes,
            } => {
                write!(
                    f,
                    "wrongly failed: event {event} at webhook {webhook}, attempts {outcomes:?}"
                )
            }
            Self::WronglyPaused { webhook, status } => {
                write!(f, "webhook {webhook} is {status}, its receiver is healthy")
            }
            Self::Ids { webhook, event, ids } => write!(f, "ids of event {event} at webhook {webhook}: {ids:?}"),
            Self::TooManyRepeats { repeats, requests } => write!(f, "{repeats} of {requests} requests came again"),
            Self::Late { p99, of } => write!(f, "99 of 100 of {of} calm deliveries within {p99:?}"),
            Self::Memory { process, mib } => write!(f, "{process} had {mib} MiB"),
            Self::Consumers { queue, expected, found } => {
                write!(f, "{queue} has {found:?} consumers, the processes hold {expected}")
            }
            Self::LeftInQueue { queue, messages } => write!(f, "{messages} messages are left in {queue}"),
            Self::Ended { process, how } => write!(f, "{process} ended by itself: {how}"),
        }
    }
}

#[cfg(test)]
mod tests;
