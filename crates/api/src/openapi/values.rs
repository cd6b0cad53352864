//! Schemas of values that several objects have: ids, and enumerations as `domain` spells them.

use domain::{AuditAction, DeliveryState, EventType, NotificationKind, Outcome, PausedReason, Trigger, WebhookStatus};
use serde_json::{Value, json};

use super::schema::{count, one_of};

/// All of them by name.
pub(super) fn schemas() -> Value {
    json!({
        "EventType": one_of(EventType::all().map(EventType::name)),
        "WebhookId": {"type": "string", "format": "uuid"},
        "DeliveryId": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"},
        "NotificationId": {"type": "string", "format": "uuid"},
        "WebhookStatus": one_of(WebhookStatus::ALL.iter().map(|status| status.as_str())),
        "PausedReason": one_of(PausedReason::ALL.iter().map(|reason| reason.as_str())),
        "DeliveryState": one_of(DeliveryState::ALL.iter().map(|state| state.as_str())),
        "Trigger": one_of(Trigger::ALL.iter().map(|trigger| trigger.as_str())),
        "Outcome": one_of(Outcome::ALL.iter().map(|outcome| outcome.as_str())),
        "AuditAction": one_of(AuditAction::ALL.iter().map(|action| action.as_str())),
        "NotificationKind": one_of(NotificationKind::ALL.iter().map(|kind| kind.as_str())),
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
                "more": {"const": true, "description": "Present if there are more, which were not counted"},
            },
        },
    })
}
