//! Counts what a preview evaluates. Pure.

use std::collections::HashMap;

use jiff::Timestamp;
use store::event_sample::LoggedEvent;

/// Examples of each kind.
const EXAMPLES: usize = 3;

/// What types and conditions would have let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Distinct events of these types in the log.
    pub seen: i64,
    /// The newest of them, for which the conditions were evaluated.
    pub sampled: usize,
    /// Those for which all conditions hold.
    pub matched: usize,
    /// The most of those that were accepted in one minute.
    pub peak_per_minute: usize,
    /// The newest that match.
    pub matching: Vec<PreviewExample>,
    /// The newest that do not.
    pub not_matching: Vec<PreviewExample>,
}

/// An event of the preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewExample {
    /// CloudEvents id.
    pub event_id: String,
    /// Name of its type.
    pub event_type: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The position of the first condition that does not hold.
    pub failed_condition: Option<usize>,
}

/// The preview as far as it was evaluated.
pub(super) struct Tally {
    preview: Preview,
    /// Matching events by minute.
    minutes: HashMap<i64, usize>,
}

impl Tally {
    pub(super) fn new(seen: i64) -> Self {
        let preview = Preview {
            seen,
            sampled: 0,
            matched: 0,
            peak_per_minute: 0,
            matching: Vec::new(),
            not_matching: Vec::new(),
        };
        Self {
            preview,
            minutes: HashMap::new(),
        }
    }

    /// Adds an event, newest first.
    pub(super) fn add(&mut self, event: &LoggedEvent, failed_condition: Option<usize>) {
        self.preview.sampled += 1;
        let examples = if failed_condition.is_some() {
            &mut self.preview.not_matching
        } else {
            self.preview.matched += 1;
            *self.minutes.entry(event.accepted_at.as_second() / 60).or_default() += 1;
            &mut self.preview.matching
        };
        if examples.len() < EXAMPLES {
            examples.push(PreviewExample {
                event_id: event.event_id.clone(),
                event_type: event.event_type.clone(),
                accepted_at: event.accepted_at,
                failed_condition,
            });
        }
    }

    pub(super) fn into_preview(self) -> Preview {
        Preview {
            peak_per_minute: self.minutes.into_values().max().unwrap_or_default(),
            ..self.preview
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{DeliveryId, WebhookId};

    use super::*;

    fn event(second: i64) -> LoggedEvent {
        let id = format!("evt-{second}");
        LoggedEvent {
            delivery: DeliveryId::derive(&"acme".parse().unwrap(), "/crm", &id, WebhookId(uuid::Uuid::nil())),
            event_id: id,
            event_type: "deal.won".to_owned(),
            accepted_at: Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn events_are_counted_and_the_newest_shown() {
        let mut tally = Tally::new(7);
        for second in [130, 125, 121, 120, 119] {
            tally.add(&event(second), None);
        }
        tally.add(&event(122), Some(1));
        let preview = tally.into_preview();
        assert_eq!(
            (preview.seen, preview.sampled, preview.matched, preview.peak_per_minute),
            (7, 6, 5, 4)
        );
        let ids = |examples: &[PreviewExample]| examples.iter().map(|it| it.event_id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&preview.matching), ["evt-130", "evt-125", "evt-121"]);
        assert_eq!(preview.not_matching[0].failed_condition, Some(1));
        assert_eq!(Tally::new(0).into_preview().peak_per_minute, 0);
    }
}
