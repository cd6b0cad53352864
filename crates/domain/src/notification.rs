//! Notifications to administrators about a webhook's health.

use crate::label::labelled_enum;
use crate::webhook_status::{HealthEffect, PausedReason, WARNING_AFTER};

labelled_enum! {
    "kind of notification"
    /// The subject of a notification, and the routing key it is published with.
    pub enum NotificationKind {
        /// Several deliveries in a row have failed.
        Failing = "webhook.failing",
        /// The webhook was auto-paused.
        AutoPaused = "webhook.auto_paused",
        /// A delivery succeeded again after a warning.
        Recovered = "webhook.recovered",
    }
}

impl HealthEffect {
    /// The kind of notification for this effect.
    pub const fn kind(self) -> NotificationKind {
        match self {
            Self::Warn => NotificationKind::Failing,
            Self::Pause(_) => NotificationKind::AutoPaused,
            Self::Recovered => NotificationKind::Recovered,
        }
    }

    /// The notification's text, for the webhook with this name.
    pub fn message(self, webhook: &str) -> String {
        match self {
            Self::Warn => format!("Webhook '{webhook}' is failing: {WARNING_AFTER} deliveries in a row have failed"),
            Self::Pause(PausedReason::Gone) => {
                format!("Webhook '{webhook}' has been paused because its endpoint answered 410 Gone")
            }
            Self::Pause(_) => format!("Webhook '{webhook}' has been paused due to repeated failures"),
            Self::Recovered => format!("Webhook '{webhook}' is delivering again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_read_the_sentence_of_the_brief() {
        let message = HealthEffect::Pause(PausedReason::RepeatedFailures).message("ERP Sync");
        assert_eq!(message, "Webhook 'ERP Sync' has been paused due to repeated failures");
    }

    #[test]
    fn kinds_are_routing_keys() {
        let effects = [
            HealthEffect::Warn,
            HealthEffect::Pause(PausedReason::Gone),
            HealthEffect::Recovered,
        ];
        let kinds = effects.map(|effect| effect.kind().as_str());
        assert_eq!(kinds, ["webhook.failing", "webhook.auto_paused", "webhook.recovered"]);
    }
}
