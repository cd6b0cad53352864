//! The settings of a webhook in a body.

use admin::{
    ConditionForm, Input, MAX_DESCRIPTION_CHARACTERS, MAX_EVENT_TYPE_ENTRIES, MAX_NAME_CHARACTERS, MAX_PER_SECOND,
    WebhookForm,
};
use domain::conditions::MAX_CONDITIONS;
use serde_json::{Value, json};

use crate::json_object::JsonObject;
use crate::openapi::schema::reference;

/// What both adding and editing take; everything else in `object` is unknown.
pub(super) fn read_settings(mut object: JsonObject<'_>) -> WebhookForm {
    WebhookForm {
        name: object.text("name"),
        url: object.text("url"),
        event_types: object.texts("event_types", MAX_EVENT_TYPE_ENTRIES),
        conditions: read_conditions(&mut object),
        description: object.text("description"),
        max_per_second: object.integer("max_per_second"),
        errors: object.into_errors(),
        ..WebhookForm::default()
    }
}

/// The conditions in a body.
pub(super) fn read_conditions(object: &mut JsonObject<'_>) -> Input<Vec<ConditionForm>> {
    object.objects("conditions", MAX_CONDITIONS, |condition| {
        condition.drop_null("value");
        ConditionForm {
            field: condition.text("field").unwrap_or_default(),
            op: condition.text("op").unwrap_or_default(),
            value: match condition.text("value") {
                Input::Given(value) => Some(value),
                Input::Missing | Input::Malformed => None,
            },
        }
    })
}

/// The event types, described.
pub(super) fn event_types() -> Value {
    json!({
        "type": "array",
        "items": reference("SubscribedEventType"),
        "minItems": 1,
        "maxItems": MAX_EVENT_TYPE_ENTRIES,
        "description": "`*` alone for all event types, also those that later releases add",
    })
}

/// The conditions, described.
pub(super) fn conditions() -> Value {
    json!({
        "type": ["array", "null"],
        "items": reference("Condition"),
        "maxItems": MAX_CONDITIONS,
        "description": "All must hold for an event",
    })
}

/// The settings, described.
pub(super) fn settings() -> Value {
    json!({
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS},
        "url": {"type": "string", "format": "uri", "maxLength": 2048, "description": "An `https` URL whose host has a public address"},
        "event_types": event_types(),
        "conditions": conditions(),
        "description": {"type": ["string", "null"], "maxLength": MAX_DESCRIPTION_CHARACTERS},
        "max_per_second": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": MAX_PER_SECOND,
            "description": "Webhook rate limit: deliveries per second; null for no limit",
        },
    })
}
