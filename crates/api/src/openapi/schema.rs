//! The building blocks of schemas.

use serde_json::{Value, json};

/// A reference to a schema by its name.
pub(crate) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object whose members are all there.
pub(crate) fn object(members: Value) -> Value {
    let required: Vec<_> = members
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    json!({"type": "object", "required": required, "properties": members})
}

/// An object to be sent, in which nothing else is allowed.
pub(crate) fn input(required: &[&str], members: Value) -> Value {
    json!({"type": "object", "required": required, "properties": members, "additionalProperties": false})
}

/// A page of a list with these entries.
pub(crate) fn page(entry: &str) -> Value {
    let cursor = json!({"type": ["string", "null"], "description": "Cursor of the next page; null on the last page"});
    object(json!({"data": {"type": "array", "items": reference(entry)}, "next_cursor": cursor}))
}

/// One of these texts.
pub(crate) fn one_of(labels: impl Iterator<Item = &'static str>) -> Value {
    json!({"type": "string", "enum": labels.collect::<Vec<_>>()})
}

/// What `schema` describes, or `null`.
pub(crate) fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// A point in time.
pub(crate) fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A point in time, or `null`.
pub(crate) fn time_or_null() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

/// A number from 0 on.
pub(crate) fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// A number from 0 on that needs an explanation.
pub(crate) fn count_of(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

/// A number, or `null`.
pub(crate) fn number_or_null(description: &str) -> Value {
    json!({"type": ["integer", "null"], "description": description})
}

/// A text that needs an explanation.
pub(crate) fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// A text, or `null`.
pub(crate) fn text_or_null(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description})
}
