//! Schemas of values that several objects have: ids, and enumerations as `domain` spells them.

use domain::{
    AuditAction, DeliveryState, EventType, NotificationKind, Outcome, PausedReason, Role, Trigger, Verdict,
    WebhookStatus,
};
use serde_json::{Value, json};
use strum::VariantArray;

use super::schema::{count, one_of};

/// All of them by name.
pub(super) fn schemas() -> Value {
    json!({
        "EventType": one_of(EventType::all().map(EventType::name)),
        "WebhookId": {"type": "string", "format": "uuid"},
        "DeliveryId": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"},
        "NotificationId": {"type": "string", "format": "uuid"},
        "TokenId": {"type": "string", "format": "uuid"},
        "Role": one_of(Role::VARIANTS.iter().map(<&str>::from)),
        "WebhookStatus": one_of(WebhookStatus::VARIANTS.iter().map(<&str>::from)),
        "PausedReason": one_of(PausedReason::VARIANTS.iter().map(<&str>::from)),
        "DeliveryState": one_of(DeliveryState::VARIANTS.iter().map(<&str>::from)),
        "Verdict": one_of(Verdict::VARIANTS.iter().map(<&str>::from)),
        "Trigger": one_of(Trigger::VARIANTS.iter().map(<&str>::from)),
        "Outcome": one_of(Outcome::VARIANTS.iter().map(<&str>::from)),
        "AuditAction": one_of(AuditAction::VARIANTS.iter().map(<&str>::from)),
        "NotificationKind": one_of(NotificationKind::VARIANTS.iter().map(<&str>::from)),
        "Secret": {
            "type": "string",
            "description": "`whsec_` and the base64 of a key of 24 to 64 bytes, or 16 to 128 printable ASCII characters, \
                whose bytes are the key",
        },
        "Count": {
            "type": "object",
            "required": ["count"],
            "properties": {
                "count": count(),
                "more": {"const": true, "description": "Present if there are more, which the service did not count"},
            },
        },
    })
}
