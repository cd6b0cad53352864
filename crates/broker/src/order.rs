//! What a consumer's owner wants of the task that keeps its session.

/// The requested state of the consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Consume messages.
    Consume,
    /// No more messages; consumed ones are still acknowledged.
    Cancel,
    /// Closed: no session.
    Close,
}

/// A numbered command, so that its completion can be reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) wanted: Wanted,
}
