//! As much of JSON Schema as the API's description uses. Stricter in one thing: a member that is not described is wrong.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Checks a value by its schema, which may refer to others of the document.
///
/// # Errors
/// What is wrong with the value.
pub fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let mut members = BTreeSet::new();
    matches(document, schema, value, &mut members)?;
    let unknown: Vec<_> = value.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    match unknown
        .into_iter()
        .find(|name| !members.is_empty() && !members.contains(*name))
    {
        Some(name) => Err(format!("{name} is not described")),
        None => Ok(()),
    }
}

/// Gathers the names of the members that were described.
fn matches(document: &Value, schema: &Value, value: &Value, members: &mut BTreeSet<String>) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let referred = document
            .pointer(reference.trim_start_matches('#'))
            .ok_or("a reference leads nowhere")?;
        return matches(document, referred, value, members);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        matches(document, part, value, members)?;
    }
    if let Some(choices) = schema["anyOf"].as_array()
        && !choices.iter().any(|choice| check(document, choice, value).is_ok())
    {
        return Err(format!("{value} is none of {choices:?}"));
    }
    is_allowed(schema, value)?;
    match value {
        Value::Object(object) => check_object(document, schema, object, members),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check(document, &schema["items"], item)),
        _ => Ok(()),
    }
}

fn check_object(
    document: &Value,
    schema: &Value,
    object: &Map<String, Value>,
    members: &mut BTreeSet<String>,
) -> Result<(), String> {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("names are text");
        object.get(name).ok_or(format!("{name} is missing"))?;
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        members.insert(name.clone());
        if let Some(value) = object.get(name) {
            check(document, member, value).map_err(|wrong| format!("{name}: {wrong}"))?;
        }
    }
    Ok(())
}

fn is_allowed(schema: &Value, value: &Value) -> Result<(), String> {
    let types: Vec<_> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("what is {other}?"),
    };
    let listed = |keyword: &str| schema[keyword].as_array().is_none_or(|all| all.contains(value));
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    let least = schema["minimum"]
        .as_i64()
        .is_none_or(|least| value.as_i64().is_some_and(|number| number >= least));
    if (types.is_empty() || types.into_iter().any(is)) && listed("enum") && constant && least {
        Ok(())
    } else {
        Err(format!("{value} is not as {schema} asks"))
    }
}
