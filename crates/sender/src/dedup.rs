//! Deduplication: decides whether a possibly redelivered job still needs an attempt. Pure.

use domain::{DeliveryState, Trigger};
use store::outcomes::Known;

/// The decision about a possible duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedup {
    /// Not a duplicate: make the attempt.
    Attempt,
    /// A duplicate: the attempt was made and everything that follows from it is done, or the relay is responsible. Only
    /// acknowledge.
    Skip,
    /// A duplicate whose retry is due, but may be missing at the broker: publish the retry (again).
    RepublishRetry,
}

/// `attempt` is the number of the requested attempt, and `trigger` its reason.
///
/// Held, spilled and deferred deliveries belong to the outbox relay: only jobs that it or a person requested are
/// attempted. A retry published twice is harmless: the second one is a duplicate.
pub fn dedup(known: Option<&Known>, attempt: u32, trigger: Trigger) -> Dedup {
    let Some(known) = known else { return Dedup::Attempt };
    let released = matches!(trigger, Trigger::Resume | Trigger::Manual);
    match known.state {
        DeliveryState::Delivered => Dedup::Skip,
        DeliveryState::Held | DeliveryState::Queued if !released => Dedup::Skip,
        _ if known.attempts < attempt => Dedup::Attempt,
        DeliveryState::Retrying if known.attempts == attempt => Dedup::RepublishRetry,
        _ => Dedup::Skip,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn only_what_is_not_yet_made_is_made() {
        let known = |state, attempts| Known {
            state,
            attempts,
            step: 0,
            created_at: Timestamp::UNIX_EPOCH,
            due_in: None,
        };
        let event = Trigger::Event;
        let retry = Trigger::Retry;
        let resume = Trigger::Resume;
        let manual = Trigger::Manual;
        let cases = [
            (None, 1, event, Dedup::Attempt),
            (Some(known(DeliveryState::Delivered, 1)), 1, event, Dedup::Skip),
            (Some(known(DeliveryState::Delivered, 1)), 2, resume, Dedup::Skip),
            (Some(known(DeliveryState::Retrying, 1)), 1, event, Dedup::RepublishRetry),
            (Some(known(DeliveryState::Retrying, 1)), 2, retry, Dedup::Attempt),
            (Some(known(DeliveryState::Retrying, 2)), 1, event, Dedup::Skip),
            (Some(known(DeliveryState::Failed, 4)), 4, retry, Dedup::Skip),
            (Some(known(DeliveryState::Failed, 4)), 5, manual, Dedup::Attempt),
            (Some(known(DeliveryState::Held, 0)), 1, event, Dedup::Skip),
            (Some(known(DeliveryState::Held, 0)), 1, resume, Dedup::Attempt),
            (Some(known(DeliveryState::Queued, 1)), 2, retry, Dedup::Skip),
            (Some(known(DeliveryState::Queued, 1)), 2, resume, Dedup::Attempt),
            (Some(known(DeliveryState::Queued, 4)), 5, manual, Dedup::Attempt),
            (Some(known(DeliveryState::Queued, 4)), 4, resume, Dedup::Skip),
        ];
        for (known, attempt, trigger, expected) in cases {
            assert_eq!(
                dedup(known.as_ref(), attempt, trigger),
                expected,
                "{known:?} {attempt} {trigger}"
            );
        }
    }
}
