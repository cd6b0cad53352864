//! The domain's enums as labels, so that both programs spell them alike.

use std::sync::LazyLock;

use domain::{DeferralCause, DeliveryState, EventType, Lane, Outcome, Trigger};

use super::Label;

/// An event's type, or `other` for one outside the catalogue: published types must not create series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTypeLabel(pub Option<EventType>);

impl Label for EventTypeLabel {
    const NAME: &'static str = "event_type";

    fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<EventTypeLabel>> =
            LazyLock::new(|| EventType::all().map(Some).chain([None]).map(EventTypeLabel).collect());
        &ALL
    }

    fn value(self) -> &'static str {
        self.0.map_or("other", EventType::name)
    }
}

impl Label for Outcome {
    const NAME: &'static str = "outcome";

    fn all() -> &'static [Self] {
        Self::ALL
    }

    fn value(self) -> &'static str {
        self.as_str()
    }
}

impl Label for DeferralCause {
    const NAME: &'static str = "cause";

    fn all() -> &'static [Self] {
        Self::ALL
    }

    fn value(self) -> &'static str {
        self.as_str()
    }
}

impl Label for Trigger {
    const NAME: &'static str = "trigger";

    fn all() -> &'static [Self] {
        Self::ALL
    }

    fn value(self) -> &'static str {
        self.as_str()
    }
}

impl Label for Lane {
    const NAME: &'static str = "lane";

    fn all() -> &'static [Self] {
        Self::ALL
    }

    fn value(self) -> &'static str {
        self.as_str()
    }
}

impl Label for DeliveryState {
    const NAME: &'static str = "state";

    fn all() -> &'static [Self] {
        Self::ALL
    }

    fn value(self) -> &'static str {
        self.as_str()
    }
}
