//! The state of a delivery.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The state of a delivery, as the log shows it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(into = "&'static str")]
pub enum DeliveryState {
    /// Waits for an attempt: its job is on the way to a sender, or it is spilled or deferred in the outbox.
    Queued,
    /// Waits in the outbox because the webhook is paused; released when it is resumed.
    Held,
    /// An attempt failed, and a retry is due.
    Retrying,
    /// An attempt succeeded.
    Delivered,
    /// No further automatic attempt will be made.
    Failed,
}

/// Where a delivery stands: its state, and for [`DeliveryState::Queued`] also where its job is. Drawn in
/// `docs/delivery-states.md`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryPhase {
    /// Queued, in the outbox.
    Spilled,
    /// Queued, in the broker or with a sender.
    Released,
    /// Held, in the outbox.
    Held,
    /// A retry is due.
    Retrying,
    /// Final.
    Delivered,
    /// No further automatic attempt is made.
    Failed,
}

impl DeliveryPhase {
    /// Its state: the log's column `state`.
    pub const fn state(self) -> DeliveryState {
        match self {
            Self::Spilled | Self::Released => DeliveryState::Queued,
            Self::Held => DeliveryState::Held,
            Self::Retrying => DeliveryState::Retrying,
            Self::Delivered => DeliveryState::Delivered,
            Self::Failed => DeliveryState::Failed,
        }
    }

    /// Whether it waits in the outbox: the log's column `waiting`.
    pub const fn waits(self) -> bool {
        matches!(self, Self::Spilled | Self::Held)
    }

    /// Whether a row of the log may go from this phase to another, or be written again in the same.
    ///
    /// After a success only a person's request leads on: Send again puts the delivery into the outbox. Only what waits in
    /// the outbox is released. Everything else may follow from an outcome that comes late: two senders may have a
    /// delivery's job, one of which was thought dead.
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Delivered, _) => next == Self::Delivered || next.waits(),
            (_, Self::Released) => self.waits() || self == Self::Released,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_api() {
        let labels: Vec<&str> = DeliveryState::VARIANTS.iter().map(<&str>::from).collect();
        assert_eq!(labels, ["queued", "held", "retrying", "delivered", "failed"]);
    }

    #[test]
    fn a_success_is_left_through_the_outbox_only_and_only_what_waits_is_released() {
        for phase in DeliveryPhase::VARIANTS {
            assert_eq!(
                DeliveryPhase::Delivered.may_become(*phase),
                ["delivered", "spilled", "held"].contains(&phase.into())
            );
            let releasable = ["spilled", "released", "held"].contains(&phase.into());
            assert_eq!(phase.may_become(DeliveryPhase::Released), releasable, "{phase}");
            assert_eq!(phase.waits(), ["spilled", "held"].contains(&phase.into()));
        }
    }
}
