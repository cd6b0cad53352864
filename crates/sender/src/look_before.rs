//! Whether a job that may have been handled before is to be made: pure.

use domain::{DeliveryState, Trigger};
use store::outcomes::Known;

/// What the log says about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Make the attempt.
    Attempt,
    /// The attempt was made and all that followed from it is done, or is somebody else's: only acknowledge.
    Settled,
    /// The attempt was made and a retry is due, but whether the broker has it is not known: publish it (again).
    RetryMayBeMissing,
}

/// `attempt` is the number of the attempt that the job asks for, and `trigger` why.
///
/// What is held or waits for the relay is the relay's: only its own jobs, and those of people, are made. A retry
/// published twice is harmless: the second one finds its attempt made.
pub fn look(known: Option<&Known>, attempt: u32, trigger: Trigger) -> Look {
    let Some(known) = known else { return Look::Attempt };
    let released = matches!(trigger, Trigger::Resume | Trigger::Manual);
    match known.state {
        DeliveryState::Delivered => Look::Settled,
        DeliveryState::Held | DeliveryState::Queued if !released => Look::Settled,
        _ if known.attempts < attempt => Look::Attempt,
        DeliveryState::Retrying if known.attempts == attempt => Look::RetryMayBeMissing,
        _ => Look::Settled,
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
            next_attempt_at: None,
        };
        let (event, retry, resume, manual) = (Trigger::Event, Trigger::Retry, Trigger::Resume, Trigger::Manual);
        let cases = [
            (None, 1, event, Look::Attempt),
            (Some(known(DeliveryState::Delivered, 1)), 1, event, Look::Settled),
            (Some(known(DeliveryState::Delivered, 1)), 2, resume, Look::Settled),
            (Some(known(DeliveryState::Retrying, 1)), 1, event, Look::RetryMayBeMissing),
            (Some(known(DeliveryState::Retrying, 1)), 2, retry, Look::Attempt),
            (Some(known(DeliveryState::Retrying, 2)), 1, event, Look::Settled),
            (Some(known(DeliveryState::Failed, 4)), 4, retry, Look::Settled),
            (Some(known(DeliveryState::Failed, 4)), 5, manual, Look::Attempt),
            (Some(known(DeliveryState::Held, 0)), 1, event, Look::Settled),
            (Some(known(DeliveryState::Held, 0)), 1, resume, Look::Attempt),
            (Some(known(DeliveryState::Queued, 1)), 2, retry, Look::Settled),
            (Some(known(DeliveryState::Queued, 1)), 2, resume, Look::Attempt),
            (Some(known(DeliveryState::Queued, 4)), 5, manual, Look::Attempt),
            (Some(known(DeliveryState::Queued, 4)), 4, resume, Look::Settled),
        ];
        for (known, attempt, trigger, expected) in cases {
            assert_eq!(look(known.as_ref(), attempt, trigger), expected, "{known:?} {attempt} {trigger}");
        }
    }
}
