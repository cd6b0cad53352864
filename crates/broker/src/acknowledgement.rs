//! Acknowledges messages that finish in any order, in few frames.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::Channel;
use lapin::options::BasicAckOptions;
use tokio::sync::Notify;

/// Longest time a finished message waits for an older one, so that one frame acknowledges both.
const GATHER: Duration = Duration::from_millis(20);

/// The duty to acknowledge one message. Dropping it leaves the message unacknowledged: the broker redelivers it when
/// the session ends.
#[derive(Debug)]
pub struct Acknowledgement {
    tag: u64,
    session: Arc<SessionAcknowledgements>,
}

impl Acknowledgement {
    pub(crate) fn new(tag: u64, session: Arc<SessionAcknowledgements>) -> Self {
        Self { tag, session }
    }

    /// Acknowledges: everything that follows from the message is durable. After the end of the session this does
    /// nothing.
    pub fn acknowledge(self) {
        self.session.complete(self.tag);
    }

    /// The session has ended: the broker redelivers the message, and acknowledging it does nothing.
    pub(crate) fn is_void(&self) -> bool {
        self.session.ended.load(Ordering::Acquire)
    }
}

/// The acknowledgements of one consumer session. Delivery tags count from 1 per channel.
#[derive(Debug)]
pub(crate) struct SessionAcknowledgements {
    tags: Mutex<Tags>,
    /// Maximum finished messages above an unfinished one before they are acknowledged singly.
    window: usize,
    completed: Notify,
    ended: AtomicBool,
}

impl SessionAcknowledgements {
    /// For a session with this prefetch at most.
    pub(crate) fn new(most: u16) -> Arc<Self> {
        let tags = Mutex::new(Tags::default());
        let window = usize::from(most) / 4;
        Arc::new(Self {
            tags,
            window,
            completed: Notify::new(),
            ended: AtomicBool::new(false),
        })
    }

    /// A message was received.
    pub(crate) fn received(&self) {
        self.lock().unacknowledged += 1;
    }

    /// Messages received and not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.lock().unacknowledged
    }

    /// The session is over.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn complete(&self, tag: u64) {
        self.lock().complete(tag);
        self.completed.notify_one();
    }

    fn take(&self, window: usize) -> Frames {
        self.lock().take(window)
    }

    /// Sends acknowledgements until the channel fails; returns the error.
    pub(crate) async fn send_on(&self, channel: &Channel) -> lapin::Error {
        loop {
            let window = if self.gather().await { self.window } else { 0 };
            if let Err(error) = send(channel, self.take(window)).await {
                return error;
            }
        }
    }

    /// Waits for a message to finish; false when earlier ones have waited long enough.
    async fn gather(&self) -> bool {
        let some_wait = !self.lock().waiting.is_empty();
        let completed = self.completed.notified();
        if some_wait {
            return tokio::time::timeout(GATHER, completed).await.is_ok();
        }
        completed.await;
        true
    }

    /// Sends all pending acknowledgements now.
    pub(crate) async fn flush_on(&self, channel: &Channel) {
        // A failure means that the session is over; the broker redelivers these messages and they are deduplicated.
        let _ = send(channel, self.take(0)).await;
    }

    fn lock(&self) -> MutexGuard<'_, Tags> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn send(channel: &Channel, frames: Frames) -> Result<(), lapin::Error> {
    if let Some(tag) = frames.up_to {
        channel.basic_ack(tag, BasicAckOptions { multiple: true }).await?;
    }
    for tag in frames.single {
        channel.basic_ack(tag, BasicAckOptions { multiple: false }).await?;
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Frames {
    up_to: Option<u64>,
    single: Vec<u64>,
}

#[derive(Debug, Default)]
struct Tags {
    /// All tags up to here are finished and acknowledged.
    settled: u64,
    /// Above `settled`: tags acknowledged singly.
    acknowledged: Runs,
    /// Above `settled`: tags finished and not acknowledged.
    waiting: BTreeSet<u64>,
    /// Messages received and not acknowledged, finished ones included.
    unacknowledged: usize,
}

impl Tags {
    fn complete(&mut self, tag: u64) {
        if tag > self.settled && !self.acknowledged.contains(tag) {
            self.waiting.insert(tag);
        }
    }

    /// The frames to send now: one for everything below the oldest unfinished message, and single ones for the rest
    /// once more than `window` of them wait.
    fn take(&mut self, window: usize) -> Frames {
        let waited = self.waiting.len();
        let mut frames = Frames {
            up_to: self.settle(),
            single: Vec::new(),
        };
        if self.waiting.len() > window {
            frames.single.extend(std::mem::take(&mut self.waiting));
            frames.single.iter().for_each(|tag| self.acknowledged.insert(*tag));
        }
        self.unacknowledged = self.unacknowledged.saturating_sub(waited - self.waiting.len());
        frames
    }

    /// Moves `settled` up to below the oldest unfinished message; returns the last tag that is not acknowledged yet. A
    /// frame must name an unacknowledged tag: an acknowledged one closes the channel.
    fn settle(&mut self) -> Option<u64> {
        let mut up_to = None;
        loop {
            let next = self.settled + 1;
            if self.waiting.remove(&next) {
                (self.settled, up_to) = (next, Some(next));
            } else if let Some(last) = self.acknowledged.remove_run(next) {
                self.settled = last;
            } else {
                return up_to;
            }
        }
    }
}

/// A set of numbers, stored as runs: however many messages pass a stuck one, its size is the number of stuck ones.
#[derive(Debug, Default)]
struct Runs {
    /// The last number of each run, by its first.
    last_by_first: BTreeMap<u64, u64>,
}

impl Runs {
    fn contains(&self, number: u64) -> bool {
        self.last_by_first
            .range(..=number)
            .next_back()
            .is_some_and(|(_, last)| *last >= number)
    }

    fn insert(&mut self, number: u64) {
        let before = self
            .last_by_first
            .range(..number)
            .next_back()
            .filter(|(_, last)| **last + 1 == number);
        let first = before.map_or(number, |(first, _)| *first);
        let last = self.last_by_first.remove(&(number + 1)).unwrap_or(number);
        self.last_by_first.insert(first, last);
    }

    /// Removes the run that begins with `first`, and returns its last number.
    fn remove_run(&mut self, first: u64) -> Option<u64> {
        self.last_by_first.remove(&first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(up_to: impl Into<Option<u64>>, single: &[u64]) -> Frames {
        Frames {
            up_to: up_to.into(),
            single: single.to_vec(),
        }
    }

    #[test]
    fn a_run_is_one_frame() {
        let mut tags = Tags::default();
        [3, 1, 2].into_iter().for_each(|tag| tags.complete(tag));
        assert_eq!(tags.take(10), frames(3, &[]));
        assert_eq!(tags.take(0), frames(None, &[]));
    }

    #[test]
    fn what_waits_behind_a_slow_one_goes_singly_when_the_window_is_full() {
        let mut tags = Tags::default();
        [2, 3].into_iter().for_each(|tag| tags.complete(tag));
        assert_eq!(tags.take(2), frames(None, &[]));
        tags.complete(5);
        assert_eq!(tags.take(2), frames(None, &[2, 3, 5]));
        tags.complete(1);
        assert_eq!(tags.take(2), frames(1, &[]));
        tags.complete(4);
        assert_eq!(tags.take(2), frames(4, &[]));
    }

    #[test]
    fn a_tag_acknowledged_before_is_never_named_again() {
        let mut tags = Tags::default();
        tags.complete(2);
        assert_eq!(tags.take(0), frames(None, &[2]));
        tags.complete(2);
        assert_eq!(tags.take(0), frames(None, &[]));
        tags.complete(1);
        assert_eq!(tags.take(0), frames(1, &[]));
    }

    #[test]
    fn one_that_is_stuck_costs_no_memory_for_those_that_pass_it() {
        let mut tags = Tags::default();
        for tag in 2..100_000 {
            tags.complete(tag);
            tags.take(100);
        }
        tags.take(0);
        assert_eq!((tags.acknowledged.last_by_first.len(), tags.waiting.len()), (1, 0));
        tags.complete(1);
        assert_eq!(tags.take(0), frames(1, &[]));
        tags.complete(100_000);
        assert_eq!(tags.take(0), frames(100_000, &[]));
    }

    #[test]
    fn what_is_not_acknowledged_is_counted() {
        let mut tags = Tags {
            unacknowledged: 3,
            ..Tags::default()
        };
        [2, 3].into_iter().for_each(|tag| tags.complete(tag));
        tags.take(2);
        assert_eq!(tags.unacknowledged, 3);
        tags.take(0);
        assert_eq!(tags.unacknowledged, 1);
        tags.complete(1);
        tags.take(0);
        assert_eq!(tags.unacknowledged, 0);
    }
}
