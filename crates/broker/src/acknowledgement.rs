//! Acknowledging in few frames what completes in any order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::Channel;
use lapin::options::BasicAckOptions;
use tokio::sync::Notify;

/// Longest time a finished message waits for an older one, so that both go in one frame.
const GATHER: Duration = Duration::from_millis(20);

/// The duty to acknowledge one message. Dropping it leaves the message unacknowledged: the broker delivers it again
/// when the session ends.
#[derive(Debug)]
pub struct Acknowledgement {
    tag: u64,
    session: Arc<SessionAcknowledgements>,
}

impl Acknowledgement {
    pub(crate) fn new(tag: u64, session: Arc<SessionAcknowledgements>) -> Self {
        Self { tag, session }
    }

    /// Everything the message caused is durable. On a session that has ended this does nothing.
    pub fn acknowledge(self) {
        self.session.complete(self.tag);
    }
}

/// The acknowledgements of one consumer session. Delivery tags count from 1 per channel.
#[derive(Debug)]
pub(crate) struct SessionAcknowledgements {
    tags: Mutex<Tags>,
    /// Finished messages above an unfinished one that may wait before they are acknowledged one by one.
    window: usize,
    completed: Notify,
}

impl SessionAcknowledgements {
    pub(crate) fn new(prefetch: u16) -> Arc<Self> {
        let window = usize::from(prefetch) / 4;
        Arc::new(Self { tags: Mutex::new(Tags::default()), window, completed: Notify::new() })
    }

    fn complete(&self, tag: u64) {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).complete(tag);
        self.completed.notify_one();
    }

    fn take(&self, window: usize) -> Frames {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).take(window)
    }

    /// Sends what is due until the channel fails; the session's own end is noticed by its consumer.
    pub(crate) async fn send_on(&self, channel: &Channel) {
        loop {
            let window = if self.gather().await { self.window } else { 0 };
            if send(channel, self.take(window)).await.is_err() {
                return;
            }
        }
    }

    /// Waits for a message to finish; false when others have waited long enough meanwhile.
    async fn gather(&self) -> bool {
        let some_wait = self.tags.lock().unwrap_or_else(PoisonError::into_inner).waiting > 0;
        let completed = self.completed.notified();
        if some_wait {
            return tokio::time::timeout(GATHER, completed).await.is_ok();
        }
        completed.await;
        true
    }

    /// Sends all that is finished, now.
    pub(crate) async fn flush_on(&self, channel: &Channel) {
        // A failure means the session is over; the broker delivers these again and they are recognised.
        let _ = send(channel, self.take(0)).await;
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
    /// Finished tags above `settled`; true once acknowledged singly.
    finished: BTreeMap<u64, bool>,
    /// How many of `finished` are not acknowledged.
    waiting: usize,
}

impl Tags {
    fn complete(&mut self, tag: u64) {
        if let Entry::Vacant(place) = self.finished.entry(tag)
            && tag > self.settled
        {
            place.insert(false);
            self.waiting += 1;
        }
    }

    /// What to send now: one frame for everything below the oldest unfinished message, and single frames for the rest
    /// once more than `window` of them wait.
    fn take(&mut self, window: usize) -> Frames {
        let mut frames = Frames::default();
        while let Some(acknowledged) = self.finished.remove(&(self.settled + 1)) {
            self.settled += 1;
            // A frame must name a tag the broker still holds: naming one acknowledged before closes the channel.
            if !acknowledged {
                frames.up_to = Some(self.settled);
                self.waiting -= 1;
            }
        }
        if self.waiting > window {
            for (tag, acknowledged) in self.finished.iter_mut().filter(|(_, acknowledged)| !**acknowledged) {
                *acknowledged = true;
                frames.single.push(*tag);
            }
            self.waiting = 0;
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(up_to: impl Into<Option<u64>>, single: &[u64]) -> Frames {
        Frames { up_to: up_to.into(), single: single.to_vec() }
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
}
