//! The settings of a webhook in a body.

use admin::{MAX_DESCRIPTION_CHARACTERS, MAX_EVENT_TYPE_ENTRIES, MAX_NAME_CHARACTERS, MAX_PER_SECOND, WebhookForm};
use serde_json::{Value, json};

use crate::json_object::JsonObject;
use crate::openapi::schema::reference;

/// What both adding and editing take; everything else in `object` is unknown.
pub(super) fn read_settings(mut object: JsonObject<'_>) -> WebhookForm {
    WebhookForm {
        name: object.text("name"),
        url: object.text("url"),
        event_types: object.texts("event_types", MAX_EVENT_TYPE_ENTRIES),
        description: object.text("description"),
        max_per_second: object.integer("max_per_second"),
        errors: object.into_errors(),
        ..WebhookForm::default()
    }
}

/// The same, described.
pub(super) fn settings() -> Value {
    json!({
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS},
        "url": {"type": "string", "format": "uri", "maxLength": 2048, "description": "An `https` URL whose host has a public address"},
        "event_types": {
            "type": "array",
            "items": reference("EventType"),
            "minItems": 1,
            "maxItems": MAX_EVENT_TYPE_ENTRIES,
        },
        "description": {"type": ["string", "null"], "maxLength": MAX_DESCRIPTION_CHARACTERS},
        "max_per_second": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": MAX_PER_SECOND,
            "description": "Webhook rate limit: deliveries per second; null for no limit",
        },
    })
}
