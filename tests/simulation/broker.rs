//! A broker in memory: queues, acknowledgements, delay queues, and what goes wrong with them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::{Message, topology};
use bytes::Bytes;
use domain::{DeliveryId, RetryPolicy, Trigger};
use tokio::sync::{Notify, watch};
use wire::DeliveryJob;

use crate::random::Random;

/// Prefetch of a consumer.
const PREFETCH: usize = 16;
/// Longest time of a publish before the broker has the message, and after it until the confirm.
const LATENCY: Duration = Duration::from_millis(30);
/// Longest time from a dead-lettered message to its duplicate.
const DUPLICATE_WITHIN: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    Events,
    Jobs,
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub struct Queued {
    pub body: Bytes,
    pub redelivered: bool,
    pub returns: u32,
}

/// Shares of publishes in percent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The confirm is lost with the connection: the publisher publishes again.
    pub confirm_lost: usize,
    /// A delay queue dead-letters a message twice.
    pub dead_lettered_twice: usize,
    /// The broker loses a retry or a released job, which the reconciler has to notice.
    pub lost: usize,
}

#[derive(Default)]
struct State {
    queues: HashMap<Queue, VecDeque<Queued>>,
    /// By delivery tag, with the process that has it.
    unacknowledged: HashMap<u64, (u32, Queue, Queued)>,
    last_tag: u64,
    delayed: usize,
    faults: Faults,
    rejected: Vec<Bytes>,
    /// By delivery: how often one of its messages came, or may come, once more than it was meant to.
    duplicates: HashMap<DeliveryId, usize>,
    /// The same by the body of an event: each is a duplicate of all its deliveries.
    duplicate_events: HashMap<Bytes, usize>,
}

pub struct SimBroker {
    state: Mutex<State>,
    changed: Notify,
    available: watch::Sender<bool>,
    /// Name and delay of each delay queue.
    delays: HashMap<String, Duration>,
    random: Arc<Random>,
}

impl SimBroker {
    pub fn new(policy: &RetryPolicy, faults: Faults, random: Arc<Random>) -> Arc<Self> {
        let delays = policy.ladder().iter().enumerate();
        Arc::new(Self {
            state: Mutex::new(State {
                faults,
                ..State::default()
            }),
            changed: Notify::new(),
            available: watch::Sender::new(true),
            delays: delays
                .map(|(step, delay)| (topology::retry_queue(policy, step), *delay))
                .collect(),
            random,
        })
    }

    /// Publishes an event so many times.
    pub fn publish_event(&self, body: &Bytes, copies: usize) {
        let mut state = self.state.lock().unwrap();
        *state.duplicate_events.entry(body.clone()).or_default() += copies - 1;
        drop(state);
        (0..copies).for_each(|_| self.insert(Queue::Events, queued(body.clone())));
    }

    /// Publishes until it is confirmed.
    pub async fn publish(self: &Arc<Self>, message: &Message) {
        let mut again = false;
        loop {
            tokio::time::sleep(self.random.up_to(LATENCY)).await;
            self.wait_until_available().await;
            self.route(message, again);
            tokio::time::sleep(self.random.up_to(LATENCY)).await;
            let faults = self.state.lock().unwrap().faults;
            if !self.random.percent(faults.confirm_lost) {
                return;
            }
            again = true;
            self.note_duplicate(message.body());
        }
    }

    fn route(self: &Arc<Self>, message: &Message, redelivered: bool) {
        let faults = self.state.lock().unwrap().faults;
        let body = message.body().clone();
        if message.routing_key() == topology::DELIVERIES_REJECTED {
            self.state.lock().unwrap().rejected.push(body);
            return;
        }
        if is_recoverable(&body) && self.random.percent(faults.lost) {
            return;
        }
        let queued = Queued {
            redelivered,
            ..queued(body)
        };
        let Some(delay) = self.delays.get(message.routing_key()).copied() else {
            self.insert(Queue::Jobs, queued);
            return;
        };
        let copies = 1 + usize::from(self.random.percent(faults.dead_lettered_twice));
        if copies > 1 {
            self.note_duplicate(&queued.body);
        }
        self.state.lock().unwrap().delayed += 1;
        let broker = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            broker.insert(Queue::Jobs, queued.clone());
            for _ in 1..copies {
                tokio::time::sleep(broker.random.up_to(DUPLICATE_WITHIN)).await;
                broker.insert(Queue::Jobs, queued.clone());
            }
            broker.state.lock().unwrap().delayed -= 1;
        });
    }

    fn insert(&self, queue: Queue, queued: Queued) {
        self.state
            .lock()
            .unwrap()
            .queues
            .entry(queue)
            .or_default()
            .push_back(queued);
        self.changed.notify_waiters();
    }

    /// The next message for a process, with its tag; not always the oldest one.
    pub async fn take(&self, process: u32, queue: Queue) -> (u64, Queued) {
        loop {
            let changed = self.changed.notified();
            if *self.available.borrow()
                && let Some(taken) = self.try_take(process, queue)
            {
                return taken;
            }
            changed.await;
        }
    }

    fn try_take(&self, process: u32, queue: Queue) -> Option<(u64, Queued)> {
        let mut state = self.state.lock().unwrap();
        let held = state
            .unacknowledged
            .values()
            .filter(|(by, _, _)| *by == process)
            .count();
        let waiting = state.queues.entry(queue).or_default();
        if held >= PREFETCH || waiting.is_empty() {
            return None;
        }
        let place = self.random.below(waiting.len().min(3));
        let queued = waiting.remove(place)?;
        state.last_tag += 1;
        let tag = state.last_tag;
        state.unacknowledged.insert(tag, (process, queue, queued.clone()));
        Some((tag, queued))
    }

    /// Does nothing after the end of the connection that the tag belongs to.
    pub fn acknowledge(&self, tag: u64) {
        self.state.lock().unwrap().unacknowledged.remove(&tag);
        self.changed.notify_waiters();
    }

    /// The process died, or its connection was lost: its messages are redelivered, in any order.
    pub fn connection_lost(&self, process: u32) {
        let mut state = self.state.lock().unwrap();
        let tags = state.unacknowledged.iter().filter(|(_, (by, _, _))| *by == process);
        let mut tags: Vec<_> = tags.map(|(tag, _)| *tag).collect();
        tags.sort_unstable();
        for tag in tags {
            let Some((_, queue, queued)) = state.unacknowledged.remove(&tag) else {
                continue;
            };
            match queue {
                Queue::Jobs => note(&mut state, &queued.body),
                Queue::Events => *state.duplicate_events.entry(queued.body.clone()).or_default() += 1,
            }
            let queued = Queued {
                redelivered: true,
                returns: queued.returns + 1,
                ..queued
            };
            state.queues.entry(queue).or_default().push_front(queued);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends or begins an outage.
    pub fn set_available(&self, available: bool) {
        self.available.send_replace(available);
        self.changed.notify_waiters();
    }

    pub async fn wait_until_available(&self) {
        let mut available = self.available.subscribe();
        let _ = available.wait_for(|available| *available).await;
    }

    pub fn end_faults(&self) {
        self.state.lock().unwrap().faults = Faults::default();
        self.set_available(true);
    }

    /// Whether it has no message for anybody.
    pub fn is_empty(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.delayed == 0 && state.unacknowledged.is_empty() && state.queues.values().all(VecDeque::is_empty)
    }

    pub fn rejected(&self) -> usize {
        self.state.lock().unwrap().rejected.len()
    }

    /// A message for this delivery may come once more than it was meant to.
    pub fn note_duplicate(&self, body: &Bytes) {
        note(&mut self.state.lock().unwrap(), body);
    }

    pub fn note_duplicate_of(&self, delivery: DeliveryId) {
        *self.state.lock().unwrap().duplicates.entry(delivery).or_default() += 1;
    }

    /// How often an attempt of this delivery may have been repeated; `event` is the body of its event.
    pub fn duplicates_of(&self, delivery: DeliveryId, event: &str) -> usize {
        let state = self.state.lock().unwrap();
        let of_event = state
            .duplicate_events
            .get(event.as_bytes())
            .copied()
            .unwrap_or_default();
        of_event + state.duplicates.get(&delivery).copied().unwrap_or_default()
    }
}

fn queued(body: Bytes) -> Queued {
    Queued {
        body,
        redelivered: false,
        returns: 0,
    }
}

fn note(state: &mut State, body: &Bytes) {
    if let Ok(job) = DeliveryJob::decode(body.clone()) {
        *state.duplicates.entry(job.delivery.id).or_default() += 1;
    }
}

/// Whether the log has a row from which the reconciler publishes the job again.
fn is_recoverable(body: &Bytes) -> bool {
    DeliveryJob::decode(body.clone()).is_ok_and(|job| job.trigger != Trigger::Event)
}
