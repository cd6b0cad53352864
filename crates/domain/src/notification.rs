//! Notifications to administrators about a webhook's health.

use jiff::civil::Date;
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
    /// Held deliveries expire within days.
    #[strum(serialize = "webhook.held_expiring")]
    HeldExpiring,
    /// Held deliveries have expired.
    #[strum(serialize = "webhook.held_expired")]
    HeldExpired,
}

impl NotificationKind {
    /// The names of all. What has another name was written by a newer release, and waits for one.
    pub fn names() -> Vec<&'static str> {
        Self::VARIANTS.iter().map(<&str>::from).collect()
    }

    /// The text of [`NotificationKind::HeldExpiring`]: so many held deliveries of the webhook with this name expire soon, the first
    /// ones on `first`.
    pub fn held_expiring(webhook: &str, deliveries: i64, first: Date) -> String {
        let (held, expire) = held(deliveries);
        format!(
            "Webhook '{webhook}' is paused: {held} {expire} soon, the first on {first}; resume the webhook to send them"
        )
    }

    /// The text of [`NotificationKind::HeldExpired`].
    pub fn held_expired(webhook: &str, deliveries: i64) -> String {
        let (held, _) = held(deliveries);
        let have = if deliveries == 1 {
            "has expired and is"
        } else {
            "have expired and are"
        };
        format!("Webhook '{webhook}' is paused: {held} {have} deleted")
    }
}

fn held(deliveries: i64) -> (String, &'static str) {
    match deliveries {
        1 => ("1 held delivery".to_owned(), "expires"),
        _ => (format!("{deliveries} held deliveries"), "expire"),
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
    fn administrators_read_when_held_deliveries_expire() {
        let first = "2026-12-01".parse().unwrap();
        assert_eq!(
            NotificationKind::held_expiring("ERP Sync", 1_234, first),
            "Webhook 'ERP Sync' is paused: 1234 held deliveries expire soon, the first on 2026-12-01; resume the webhook to send them"
        );
        assert_eq!(
            NotificationKind::held_expired("ERP Sync", 1),
            "Webhook 'ERP Sync' is paused: 1 held delivery has expired and is deleted"
        );
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
