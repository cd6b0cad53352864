//! Notifications to administrators about a webhook's health.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::webhook_status::{HealthEffect, PausedReason, WARNING_AFTER};

/// The subject of a notification, and the routing key it is published with.
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
#[serde(into = "&'static str")]
pub enum NotificationKind {
    /// Several deliveries in a row have failed.
    #[strum(serialize = "webhook.failing")]
    Failing,
    /// The webhook was auto-paused.
    #[strum(serialize = "webhook.auto_paused")]
    AutoPaused,
    /// A delivery succeeded again after a warning.
    #[strum(serialize = "webhook.recovered")]
    Recovered,
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
        let kinds = effects.map(|effect| effect.kind().to_string());
        assert_eq!(kinds, ["webhook.failing", "webhook.auto_paused", "webhook.recovered"]);
    }
}
