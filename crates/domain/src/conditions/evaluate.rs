//! Whether a condition holds for an event.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::condition::{Condition, Operator};
use super::decimal::Decimal;
use super::event_data::{EventData, Value};

/// A longer text is not read as a number.
const MAX_NUMBER_BYTES: usize = 1000;
/// A longer text is not read as a time.
const MAX_TIME_BYTES: usize = 64;

/// The member of `data` that lists the fields that the event changed.
const CHANGED: &str = "changed";

/// Whether the condition holds. A missing field, which a null is too, makes it false unless the operator says otherwise.
pub(super) fn holds(condition: &Condition, data: &EventData<'_>, actor: Option<&str>) -> bool {
    let value = condition.value().unwrap_or_default();
    let field = data.at(condition.field()).filter(|field| **field != Value::Null);
    let equal = || field.is_some_and(|field| equals(field, value));
    let ordered = |is_so: fn(Ordering) -> bool| field.and_then(|field| compare(field, value)).is_some_and(is_so);
    match condition.op() {
        Operator::Eq => equal(),
        Operator::Ne => !equal(),
        Operator::Gt => ordered(Ordering::is_gt),
        Operator::Gte => ordered(Ordering::is_ge),
        Operator::Lt => ordered(Ordering::is_lt),
        Operator::Lte => ordered(Ordering::is_le),
        Operator::Contains => field.is_some_and(|field| contains(field, value)),
        Operator::Exists => field.is_some(),
        Operator::NotExists => field.is_none(),
        Operator::Changed => has_changed(data, condition.field()),
        Operator::ChangedTo => equal() && has_changed(data, condition.field()),
        Operator::ActorNe => actor != Some(value),
    }
}

fn equals(field: &Value<'_>, value: &str) -> bool {
    match field {
        Value::Text(text) => text == value || decimals(field, value).is_some_and(|(field, value)| field == value),
        Value::Number(_) => decimals(field, value).is_some_and(|(field, value)| field == value),
        Value::Unbounded(text) => *text == value,
        Value::Bool(true) => value == "true",
        Value::Bool(false) => value == "false",
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Numbers by size, times by instant; nothing else has an order.
fn compare(field: &Value<'_>, value: &str) -> Option<Ordering> {
    if let Some((field, value)) = decimals(field, value) {
        return Some(field.cmp(&value));
    }
    match field {
        Value::Text(text) if text.len() <= MAX_TIME_BYTES => {
            let time: Timestamp = text.parse().ok()?;
            Some(time.cmp(&value.parse().ok()?))
        }
        _ => None,
    }
}

/// The field and the value, if both are numbers. A text is one only without an exponent.
fn decimals<'a>(field: &'a Value<'_>, value: &'a str) -> Option<(Decimal<'a>, Decimal<'a>)> {
    match field {
        Value::Number(number) => Some((*number, Decimal::parse(value)?)),
        Value::Text(text) if text.len() <= MAX_NUMBER_BYTES => {
            Some((Decimal::parse_plain(text)?, Decimal::parse_plain(value)?))
        }
        _ => None,
    }
}

fn contains(field: &Value<'_>, value: &str) -> bool {
    match field {
        Value::Text(text) => text.contains(value),
        Value::Array(items) => items.iter().any(|item| equals(item, value)),
        _ => false,
    }
}

/// By the list of changed fields where the event has one, else by the value before. A change of `address.city` is one of
/// `address`, too. Of a change of `address` it is not known whether it is one of `address.city`, unless the event has the value
/// before: then it counts, so that no event is left out that should be sent.
fn has_changed(data: &EventData<'_>, field: &str) -> bool {
    let differs = || {
        let now = data.at(field).unwrap_or(&Value::Null);
        data.former(field).map(|former| !is_same(former, now))
    };
    let Some(Value::Array(names)) = data.at(CHANGED) else {
        return differs().unwrap_or(false);
    };
    names.iter().any(|name| match name {
        Value::Text(name) if is_within(name, field) => true,
        Value::Text(name) if is_within(field, name) => differs().unwrap_or(data.at(field).is_some()),
        _ => false,
    })
}

/// Whether a path is that of `whole`, or of a part of it.
fn is_within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The same value, in whatever spelling.
fn is_same(former: &Value<'_>, now: &Value<'_>) -> bool {
    match (former, now) {
        (Value::Text(former), Value::Number(_) | Value::Text(_)) => equals(now, former),
        (Value::Number(_), Value::Text(now)) => equals(former, now),
        _ => former == now,
    }
}
