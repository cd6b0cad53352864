//! The shapes of what is sent and answered.

use domain::{AuditAction, DeliveryState, EventType, NotificationKind, Outcome, PausedReason, Trigger, WebhookStatus};
use serde_json::{Map, Value, json};

use super::operation::schema;
use crate::problem::Kind;
use crate::webhook_form::{MAX_EVENT_TYPE_ENTRIES, MAX_NAME_CHARACTERS};
use crate::webhooks::WINDOWS;

/// Every schema by its name.
pub(super) fn schemas() -> Value {
    let mut all = Map::new();
    for group in [values(), webhooks(), secrets(), tests(), deliveries(), recoveries(), notifications(), others()] {
        let Value::Object(group) = group else { unreachable!("each group is an object") };
        all.extend(group);
    }
    all.into()
}

/// An object whose members are all there.
fn object(members: Value) -> Value {
    let required: Vec<_> = members.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({"type": "object", "required": required, "properties": members})
}

/// An object to be sent, in which nothing else is allowed.
fn input(required: &[&str], members: Value) -> Value {
    json!({"type": "object", "required": required, "properties": members, "additionalProperties": false})
}

fn page(entry: &str) -> Value {
    let cursor = json!({"type": ["string", "null"], "description": "Of the next page; null on the last"});
    object(json!({"data": {"type": "array", "items": schema(entry)}, "next_cursor": cursor}))
}

fn one_of(labels: impl Iterator<Item = &'static str>) -> Value {
    json!({"type": "string", "enum": labels.collect::<Vec<_>>()})
}

fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn time_or_null() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn number_or_null(description: &str) -> Value {
    json!({"type": ["integer", "null"], "description": description})
}

fn text_or_null(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description})
}

fn values() -> Value {
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
        "StatsWindow": one_of(WINDOWS.iter().map(|(name, _)| *name)),
        "Secret": {
            "type": "string",
            "description": "`whsec_` and the base64 of a key of 24 to 64 bytes, or 16 to 128 printable ASCII characters, \
                whose bytes are the key",
        },
    })
}

fn webhook_members() -> Value {
    json!({
        "id": schema("WebhookId"),
        "account": {"type": "string"},
        "name": {"type": "string"},
        "url": {"type": "string", "format": "uri"},
        "event_types": {"type": "array", "items": schema("EventType")},
        "status": schema("WebhookStatus"),
        "paused_reason": or_null(schema("PausedReason")),
        "paused_at": time_or_null(),
        "consecutive_failures": count(),
        "held": {"type": "integer", "minimum": 0, "description": "Deliveries that wait for it to be resumed"},
        "oldest_held_at": time_or_null(),
        "created_at": time(),
        "updated_at": time(),
    })
}

fn settings() -> Value {
    let name = json!({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS});
    let url =
        json!({"type": "string", "format": "uri", "maxLength": 2048, "description": "`https` to a public address"});
    let (items, most) = (schema("EventType"), MAX_EVENT_TYPE_ENTRIES);
    let event_types = json!({"type": "array", "items": items, "minItems": 1, "maxItems": most});
    json!({"name": name, "url": url, "event_types": event_types})
}

fn webhooks() -> Value {
    let mut new = settings();
    new["secret"] = or_null(schema("Secret"));
    let created = json!({"allOf": [schema("Webhook"), schema("ShownSecret")]});
    json!({
        "Webhook": object(webhook_members()),
        "WebhookPage": page("Webhook"),
        "NewWebhook": input(&["name", "url", "event_types"], new),
        "WebhookEdit": input(&[], settings()),
        "CreatedWebhook": created,
        "Stats": object(json!({
            "window": schema("StatsWindow"),
            "bucket_seconds": count(),
            "data": {"type": "array", "items": schema("StatsBucket")},
        })),
        "AuditEntry": object(json!({
            "id": {"type": "string", "format": "uuid"},
            "at": time(),
            "token_id": {"type": ["string", "null"], "format": "uuid"},
            "token_name": {"type": "string", "description": "What the token is for; may be empty"},
            "subject": {"type": ["string", "null"], "description": "Who it was, if they had no token but signed in by the CRM"},
            "action": schema("AuditAction"),
            "detail": {"type": "string", "description": "What of it, in words; may be empty"},
        })),
        "AuditPage": page("AuditEntry"),
        "StatsBucket": object(json!({
            "since": time(),
            "delivered": {"type": "integer", "minimum": 0, "description": "Attempts that succeeded"},
            "failed": {"type": "integer", "minimum": 0, "description": "Attempts after which their delivery had failed"},
            "retried": {"type": "integer", "minimum": 0, "description": "Attempts that failed and were followed by another"},
            "average_response_time_ms": number_or_null("Of all these attempts"),
        })),
    })
}

fn secrets() -> Value {
    let whsec = "The same key as `whsec_…`, for receivers' libraries; there when `secret` has another form";
    let shown = json!({
        "type": "object",
        "required": ["secret"],
        "properties": {"secret": schema("Secret"), "secret_whsec": {"type": "string", "description": whsec}},
    });
    let until = object(json!({"previous_secret_expires_at": time()}));
    json!({
        "ShownSecret": shown,
        "NewSecret": input(&[], json!({"secret": or_null(schema("Secret"))})),
        "RotatedSecret": {"allOf": [schema("ShownSecret"), until]},
    })
}

fn tests() -> Value {
    let event_type = or_null(schema("EventType"));
    let form = json!({
        "url": {"type": "string", "format": "uri", "maxLength": 2048},
        "secret": or_null(schema("Secret")),
        "event_type": event_type.clone(),
    });
    json!({
        "TestForm": input(&["url"], form),
        "SavedTest": input(&[], json!({"event_type": event_type})),
        "TestResult": object(json!({
            "outcome": one_of(["success", "failed"].into_iter()),
            "http_status": number_or_null("Null without an answer"),
            "message": {"type": "string", "examples": ["HTTP 200 OK = Success", "No HTTP response = Failed: timeout"]},
            "response_time_ms": count(),
        })),
    })
}

fn delivery_members() -> Value {
    json!({
        "id": schema("DeliveryId"),
        "webhook_id": schema("WebhookId"),
        "event_id": {"type": "string"},
        "event_type": {"type": "string"},
        "state": schema("DeliveryState"),
        "test": {"type": "boolean"},
        "attempts": {"type": "integer", "minimum": 0, "description": "Attempts made"},
        "http_status": number_or_null("Of the last answer"),
        "error": text_or_null("Why the last attempt got no answer"),
        "response_time_ms": number_or_null("Of the last attempt"),
        "created_at": time(),
        "updated_at": time(),
        "next_attempt_at": time_or_null(),
    })
}

fn deliveries() -> Value {
    let mut detail = delivery_members();
    detail["attempts"] = json!({"type": "array", "items": schema("Attempt")});
    detail["payload"] = json!({"type": "string", "description": "The exact body posted and signed"});
    json!({
        "Delivery": object(delivery_members()),
        "DeliveryPage": page("Delivery"),
        "DeliveryDetail": object(detail),
        "Attempt": object(json!({
            "number": {"type": "integer", "minimum": 1},
            "trigger": schema("Trigger"),
            "at": time(),
            "outcome": schema("Outcome"),
            "http_status": number_or_null("Null without an answer"),
            "response_time_ms": count(),
            "error": text_or_null("Why there was no answer"),
            "response_excerpt": text_or_null("The first 4 KiB of the answer's body"),
        })),
    })
}

fn recoveries() -> Value {
    let wish = json!({
        "since": {"type": "string", "format": "date-time", "description": "Deliveries created then or later"},
        "until": {"type": ["string", "null"], "format": "date-time", "description": "And before then; now without it"},
        "dry_run": {"type": ["boolean", "null"], "description": "Only count them"},
    });
    json!({
        "RecoverWish": input(&["since"], wish),
        "Count": object(json!({"count": count()})),
        "Recovery": object(json!({
            "requested_at": time(),
            "found": count(),
            "waiting": {"type": "integer", "minimum": 0, "description": "Not yet handed to a sender"},
        })),
    })
}

fn notifications() -> Value {
    json!({
        "Notification": object(json!({
            "id": schema("NotificationId"),
            "kind": schema("NotificationKind"),
            "message": {"type": "string"},
            "webhook_id": schema("WebhookId"),
            "created_at": time(),
            "read_at": time_or_null(),
        })),
        "NotificationPage": page("Notification"),
    })
}

fn others() -> Value {
    let types: Vec<_> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
    let mut problem = object(json!({
        "type": {"type": "string", "enum": types},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
    }));
    problem["properties"]["errors"] = json!({"type": "array", "items": schema("FieldError")});
    let mut body = object(json!({
        "type": schema("EventType"),
        "timestamp": time(),
        "id": {"type": "string"},
        "account": {"type": "string"},
        "data": {"description": "As the CRM wrote it, byte for byte"},
    }));
    body["properties"]["subject"] = json!({"type": "string"});
    body["properties"]["test"] = json!({"const": true, "description": "In tests only"});
    json!({
        "Problem": problem,
        "FieldError": object(json!({
            "pointer": {"type": "string", "description": "JSON pointer to the field; for a parameter, a slash and its name"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
        })),
        "EventBody": body,
        "CatalogueEntry": object(json!({
            "type": schema("EventType"),
            "group": {"type": "string"},
            "title": {"type": "string"},
            "example": {"type": "object"},
        })),
        "Catalogue": object(json!({"data": {"type": "array", "items": schema("CatalogueEntry")}})),
    })
}
