//! Schemas of values that several objects have: ids, and enumerations as `domain` spells them.

use domain::conditions::{MAX_FIELD_BYTES, MAX_VALUE_BYTES};
use domain::{
    AuditAction, DeliveryState, EventType, EventTypeSet, NotificationKind, Operator, Outcome, PausedReason, Role,
    Trigger, Verdict, WebhookStatus,
};
use serde_json::{Value, json};
use strum::VariantArray;

use super::schema::{count, one_of, reference};

/// All of them by name.
pub(super) fn schemas() -> Value {
    json!({
        "EventType": one_of(EventType::all().map(EventType::name)),
        "SubscribedEventType": one_of(EventType::all().map(EventType::name).chain([EventTypeSet::EVERY_NAME])),
        "ConditionOperator": one_of(Operator::VARIANTS.iter().map(<&str>::from)),
        "Condition": condition(),
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

fn condition() -> Value {
    json!({
        "type": "object",
        "description": "Numbers are compared exactly, `\"12000.00\"` and `12000` alike; `gt`, `gte`, `lt` and `lte` also compare \
            times (RFC 3339). `contains` finds a part of a text, or an element of a list. `changed` reads the names in \
            `data.changed`, or else compares with `data.previous`. A field that is missing or null makes a condition false, except \
            `ne`, `not_exists` and `actor_ne`.",
        "required": ["field", "op"],
        "properties": {
            "field": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_FIELD_BYTES,
                "description": "Path into the event's `data`, of at most 8 names with dots between them; `actor` for `actor_ne`, \
                    which compares the CloudEvents extension of that name",
            },
            "op": reference("ConditionOperator"),
            "value": {
                "type": ["string", "null"],
                "maxLength": MAX_VALUE_BYTES,
                "description": "Left out for `exists`, `not_exists` and `changed`",
            },
        },
        "additionalProperties": false,
    })
}
