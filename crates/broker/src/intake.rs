//! How much a consumer takes.

/// The queue of a consumer, and the limits of its prefetch window.
#[derive(Debug, Clone, Copy)]
pub struct Intake {
    /// The queue's name.
    pub queue: &'static str,
    /// Maximum number of messages consumed and not yet acknowledged.
    pub messages: u16,
    /// Maximum bytes of bodies held in memory; a message is read whole, and a little is read ahead. If this many
    /// messages do not fit, the prefetch is smaller.
    pub bytes: usize,
}
