//! The state of a delivery.

use crate::label::labelled_enum;

labelled_enum! {
    "delivery state"
    /// The state of a delivery, as the log shows it.
    pub enum DeliveryState {
        /// Waits for an attempt: its job is on the way to a sender, or it is spilled or deferred in the outbox.
        Queued = "queued",
        /// Waits in the outbox because the webhook is paused; released when it is resumed.
        Held = "held",
        /// An attempt failed, and a retry is due.
        Retrying = "retrying",
        /// An attempt succeeded.
        Delivered = "delivered",
        /// No further automatic attempt will be made.
        Failed = "failed",
    }
}

labelled_enum! {
    "delivery phase"
    /// Where a delivery stands: its state, and for [`DeliveryState::Queued`] also where its job is. Drawn in
    /// `docs/delivery-states.md`.
    pub enum DeliveryPhase {
        /// Queued, in the outbox.
        Spilled = "spilled",
        /// Queued, in the broker or with a sender.
        Released = "released",
        /// Held, in the outbox.
        Held = "held",
        /// A retry is due.
        Retrying = "retrying",
        /// Final.
        Delivered = "delivered",
        /// No further automatic attempt is made.
        Failed = "failed",
    }
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
        let labels: Vec<_> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
        assert_eq!(labels, ["queued", "held", "retrying", "delivered", "failed"]);
    }

    #[test]
    fn a_success_is_left_through_the_outbox_only_and_only_what_waits_is_released() {
        for phase in DeliveryPhase::ALL {
            assert_eq!(
                DeliveryPhase::Delivered.may_become(*phase),
                ["delivered", "spilled", "held"].contains(&phase.as_str())
            );
            let releasable = ["spilled", "released", "held"].contains(&phase.as_str());
            assert_eq!(phase.may_become(DeliveryPhase::Released), releasable, "{phase}");
            assert_eq!(phase.waits(), ["spilled", "held"].contains(&phase.as_str()));
        }
    }
}
