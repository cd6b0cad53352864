//! The domain's enums as labels, so that both programs spell them alike.

use domain::{DeferralCause, DeliveryState, EventType, Lane, Outcome, Trigger};

use super::{EnumLabel, Label};

/// An event's type, or `other` for one outside the catalogue: published types must not create series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTypeLabel(pub Option<EventType>);

impl Label for EventTypeLabel {
    const NAME: &'static str = "event_type";

    fn all() -> impl Iterator<Item = Self> {
        EventType::all().map(Some).chain([None]).map(Self)
    }

    fn value(self) -> &'static str {
        self.0.map_or("other", EventType::name)
    }
}

impl EnumLabel for Outcome {
    const NAME: &'static str = "outcome";
}

impl EnumLabel for DeferralCause {
    const NAME: &'static str = "cause";
}

impl EnumLabel for Trigger {
    const NAME: &'static str = "trigger";
}

impl EnumLabel for Lane {
    const NAME: &'static str = "lane";
}

impl EnumLabel for DeliveryState {
    const NAME: &'static str = "state";
}
