//! Retry schedule of failed mails.

use std::time::Duration;

use jiff::SignedDuration;

/// After the first failures; later pauses equal the last.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1800),
    Duration::from_secs(3600),
];
/// Older notifications are outdated; the console still shows them.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The pause after this many attempts, for a notification of this `age`; `None` when the next attempt would come too
/// late.
pub fn pause_before_next(tries: u32, age: SignedDuration) -> Option<Duration> {
    let index = usize::try_from(tries.saturating_sub(1))
        .unwrap_or(usize::MAX)
        .min(PAUSES.len() - 1);
    let pause = PAUSES[index];
    let next = age.saturating_add(SignedDuration::try_from(pause).ok()?);
    (next < GIVEN_UP_AFTER).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rarer_and_end_after_a_day() {
        let minutes = |tries, age| pause_before_next(tries, SignedDuration::from_mins(age)).map(|p| p.as_secs() / 60);
        let pauses: Vec<_> = (1..=6).map(|tries| minutes(tries, 1)).collect();
        assert_eq!(pauses, [Some(1), Some(5), Some(30), Some(60), Some(60), Some(60)]);
        assert_eq!(minutes(26, 23 * 60 - 1), Some(60));
        assert_eq!(minutes(27, 23 * 60), None);
    }
}
