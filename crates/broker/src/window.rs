//! The prefetch window: how many messages a consumer takes at once. Pure.
//!
//! As many as configured, and fewer for two reasons: the messages must fit into the byte budget, and a message that
//! ends its consumer, or the whole process, must not take others with it. The broker counts such an end against all
//! unacknowledged messages, and parks those that reach the delivery limit.

/// A message that has been returned this often is consumed alone. The broker parks it at 20.
const SUSPECT: u32 = 5;
/// Messages consumed one by one after a suspect: more suspects usually follow.
const AFTER_SUSPECT: u32 = 8;
/// Weight of one message in the average size.
const WEIGHT: f64 = 1.0 / 32.0;
/// Share of the byte budget to be used by messages of the average size.
const SHARE: f64 = 0.75;

#[derive(Debug)]
pub(crate) struct Window {
    most: u16,
    /// The byte budget.
    bytes: f64,
    /// Moving average of the size, in bytes.
    average: f64,
    /// Messages still to be consumed one by one.
    alone: u32,
}

impl Window {
    /// At most this many messages, of this many bytes together.
    pub(crate) fn new(most: u16, bytes: usize) -> Self {
        Self {
            most,
            bytes: bytes as f64,
            average: 0.0,
            alone: 0,
        }
    }

    /// The prefetch now.
    pub(crate) fn size(&self) -> u16 {
        if self.alone > 0 { 1 } else { self.fitting() }
    }

    fn fitting(&self) -> u16 {
        // A cast from float to integer saturates.
        let fitting = (self.bytes * SHARE / self.average.max(1.0)) as u16;
        fitting.clamp(1, self.most)
    }

    /// Whether the current prefetch `taken` is too far from [`Window::size`]: half of it, or twice as many.
    pub(crate) fn differs(&self, taken: u16) -> bool {
        let size = self.size();
        size != taken && (size == 1 || taken == 1 || size >= taken.saturating_mul(2) || size <= taken / 2)
    }

    /// A message was consumed; it had been returned this often before.
    pub(crate) fn taken(&mut self, bytes: usize, returns: u32) {
        let bytes = bytes as f64;
        self.average = if self.average == 0.0 {
            bytes
        } else {
            self.average + (bytes - self.average) * WEIGHT
        };
        self.alone = if returns >= SUSPECT {
            self.alone.max(AFTER_SUSPECT)
        } else {
            self.alone.saturating_sub(1)
        };
    }

    /// This prefetch exceeded the byte budget for too long.
    pub(crate) fn overran(&mut self, taken: u16) {
        let half = f64::from(taken.max(2)) / 2.0;
        self.average = self.average.max(self.bytes * SHARE / half);
    }

    /// A message may have ended the session unseen: it is among the unacknowledged ones, which will be redelivered.
    pub(crate) fn isolate(&mut self) {
        self.alone = u32::from(self.most);
    }

    /// Whether messages are consumed one by one.
    pub(crate) fn is_isolated(&self) -> bool {
        self.alone > 0
    }

    /// The suspects are gone from the queue.
    pub(crate) fn end_isolation(&mut self) {
        self.alone = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn as_many_as_asked_for_while_they_fit() {
        let mut window = Window::new(1000, 64 * MIB);
        assert_eq!(window.size(), 1000);
        (0..100).for_each(|_| window.taken(2048, 0));
        assert_eq!(window.size(), 1000);
        (0..300).for_each(|_| window.taken(MIB, 0));
        assert_eq!(window.size(), 48);
        assert!(window.differs(1000) && !window.differs(60));
        (0..300).for_each(|_| window.taken(1000 * MIB, 0));
        assert_eq!(window.size(), 1);
        (0..1000).for_each(|_| window.taken(100, 0));
        assert_eq!(window.size(), 1000);
    }

    #[test]
    fn at_most_half_of_what_was_too_much() {
        let mut window = Window::new(1000, 64 * MIB);
        window.taken(10, 0);
        window.overran(1000);
        assert_eq!(window.size(), 500);
        window.overran(1);
        assert_eq!(window.size(), 1);
    }

    #[test]
    fn one_by_one_until_past_what_may_have_ended_a_session() {
        let mut window = Window::new(3, MIB);
        window.isolate();
        for _ in 0..3 {
            assert_eq!(window.size(), 1);
            window.taken(1, 1);
        }
        assert_eq!(window.size(), 3);
        window.isolate();
        window.end_isolation();
        assert_eq!(window.size(), 3);
    }

    #[test]
    fn what_came_back_often_is_taken_alone() {
        let mut window = Window::new(100, MIB);
        window.taken(1, 4);
        assert!(!window.is_isolated());
        window.taken(1, 5);
        for _ in 0..AFTER_SUSPECT {
            assert_eq!(window.size(), 1);
            window.taken(1, 0);
        }
        assert_eq!(window.size(), 100);
    }
}
