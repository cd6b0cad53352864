//! Where a delivery stands.

use crate::label::labelled_enum;

labelled_enum! {
    "delivery state"
    /// The state of a delivery, as the log shows it.
    pub enum DeliveryState {
        /// A job is on its way to a sender.
        Queued = "queued",
        /// Kept back because the webhook is paused; sent when it is resumed.
        Held = "held",
        /// An attempt failed, and another is due.
        Retrying = "retrying",
        /// A receiver answered with success.
        Delivered = "delivered",
        /// No further attempt will be made on its own.
        Failed = "failed",
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
}
