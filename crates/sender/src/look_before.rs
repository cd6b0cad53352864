//! Whether a job that may have been handled before is to be made: pure.

use domain::DeliveryState;
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

/// `attempt` is the number of the attempt that the job asks for.
///
/// A retry published twice is harmless: the second one finds its attempt made.
pub fn look(known: Option<&Known>, attempt: u32) -> Look {
    match known {
        Some(known) if known.state == DeliveryState::Delivered => Look::Settled,
        Some(known) if known.attempts < attempt => Look::Attempt,
        Some(known) if known.attempts == attempt && known.state == DeliveryState::Retrying => Look::RetryMayBeMissing,
        Some(_) => Look::Settled,
        None => Look::Attempt,
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
        let cases = [
            (None, 1, Look::Attempt),
            (Some(known(DeliveryState::Delivered, 1)), 1, Look::Settled),
            (Some(known(DeliveryState::Delivered, 1)), 2, Look::Settled),
            (Some(known(DeliveryState::Retrying, 1)), 1, Look::RetryMayBeMissing),
            (Some(known(DeliveryState::Retrying, 1)), 2, Look::Attempt),
            (Some(known(DeliveryState::Retrying, 2)), 1, Look::Settled),
            (Some(known(DeliveryState::Failed, 4)), 4, Look::Settled),
            (Some(known(DeliveryState::Failed, 4)), 5, Look::Attempt),
        ];
        for (known, attempt, expected) in cases {
            assert_eq!(look(known.as_ref(), attempt), expected, "{known:?} {attempt}");
        }
    }
}
