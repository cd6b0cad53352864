//! The object in a request's body, read strictly.
//!
//! A usual JSON reader would take the last of two equal keys, skip what it does not know and stop at the first mistake.
//! Here each member stays the text it was until a field asks for it, and every mistake is kept with its place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use admin::{FieldError, Input};
use jiff::Timestamp;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::problem::Problem;
use crate::query;

/// A name longer than this is not repeated in a pointer.
const MAX_POINTER_NAME_BYTES: usize = 64;

/// A JSON object whose members are taken one by one. Not `Debug`: one of them may be a secret.
pub(crate) struct JsonObject<'a> {
    members: BTreeMap<String, &'a RawValue>,
    errors: Vec<FieldError>,
}

impl<'a> JsonObject<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 with line and column when it is not JSON, 422 when it is, but no object.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body).map_err(|error| {
            Problem::invalid_json(format!(
                "The body is not UTF-8 from byte {} on",
                error.valid_up_to() + 1
            ))
        })?;
        let whole: &RawValue = serde_json::from_str(text)
            .map_err(|error| Problem::invalid_json(format!("The body is not JSON: {error}")))?;
        let object = serde_json::Deserializer::from_str(whole.get()).deserialize_map(ObjectVisitor);
        object.map_err(|_| {
            Problem::validation_failed(vec![FieldError::new(
                "",
                "wrong_type",
                "The body must be a JSON object",
            )])
        })
    }

    /// Forgets a member that is `null`, where that means the same as none.
    pub(crate) fn drop_null(&mut self, name: &str) {
        if self.members.get(name).is_some_and(|value| is_null(value)) {
            self.members.remove(name);
        }
    }

    /// Takes a text. `null` is an empty one.
    pub(crate) fn text(&mut self, name: &str) -> Input<String> {
        let Some(value) = self.members.remove(name) else {
            return Input::Missing;
        };
        if is_null(value) {
            return Input::Given(String::new());
        }
        match text(value, &pointer(name)) {
            Ok(text) => Input::Given(text),
            Err(error) => self.malformed(error),
        }
    }

    /// Takes `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &str) -> Input<bool> {
        let Some(value) = self.members.remove(name) else {
            return Input::Missing;
        };
        match value.get() {
            "true" => Input::Given(true),
            "false" => Input::Given(false),
            _ => self.malformed(FieldError::new(pointer(name), "wrong_type", "Must be true or false")),
        }
    }

    /// Takes a whole number; `null` is none.
    pub(crate) fn integer(&mut self, name: &str) -> Input<Option<i64>> {
        let Some(value) = self.members.remove(name) else {
            return Input::Missing;
        };
        if is_null(value) {
            return Input::Given(None);
        }
        match serde_json::from_str(value.get()) {
            Ok(number) => Input::Given(Some(number)),
            Err(_) => self.malformed(FieldError::new(
                pointer(name),
                "wrong_type",
                "Must be a whole number or null",
            )),
        }
    }

    /// Whether a member is a text.
    pub(crate) fn is_text(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| value.get().starts_with('"'))
    }

    /// Notes an error that its reader found.
    pub(crate) fn note(&mut self, pointer: &'static str, code: &'static str, detail: &'static str) {
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    /// Notes an error if a member is missing or `null`.
    pub(crate) fn require(&mut self, name: &str) {
        self.drop_null(name);
        if !self.members.contains_key(name) {
            self.errors
                .push(FieldError::new(pointer(name), "required", "The field is required"));
        }
    }

    /// Takes an object with at most `most` members, each a text or `null`.
    pub(crate) fn texts_by_name(&mut self, name: &str, most: usize) -> Input<Vec<(String, Option<String>)>> {
        let Some(value) = self.members.remove(name) else {
            return Input::Missing;
        };
        let object = serde_json::Deserializer::from_str(value.get()).deserialize_map(ObjectVisitor);
        let Ok(object) = object else {
            return self.malformed(FieldError::new(pointer(name), "wrong_type", "Must be an object"));
        };
        if object.members.len() > most {
            let detail = format!("Must have at most {most} members");
            return self.malformed(FieldError::new(pointer(name), "too_long", detail));
        }
        let at = pointer(name);
        let mut errors: Vec<_> = object.errors.into_iter().map(|error| within(&at, error)).collect();
        let mut texts = Vec::new();
        for (member, value) in object.members {
            let at = format!("{}{}", pointer(name), pointer(&member));
            match (is_null(value), text(value, &at)) {
                (true, _) => texts.push((member, None)),
                (false, Ok(text)) => texts.push((member, Some(text))),
                (false, Err(error)) => errors.push(error),
            }
        }
        if errors.is_empty() {
            return Input::Given(texts);
        }
        self.errors.extend(errors);
        Input::Malformed
    }

    /// Takes a list of at most `most` objects, each as `read` takes its members. `null` is an empty one.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&mut JsonObject<'a>) -> T,
    ) -> Input<Vec<T>> {
        let Some(value) = self.members.remove(name) else {
            return Input::Missing;
        };
        if is_null(value) {
            return Input::Given(Vec::new());
        }
        let Ok(items) = serde_json::from_str::<Vec<&'a RawValue>>(value.get()) else {
            return self.malformed(FieldError::new(
                pointer(name),
                "wrong_type",
                "Must be a list of objects",
            ));
        };
        if items.len() > most {
            let detail = format!("Must be a list of at most {most} objects");
            return self.malformed(FieldError::new(pointer(name), "too_long", detail));
        }
        let known = self.errors.len();
        let mut taken = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let at = format!("{}/{index}", pointer(name));
            match serde_json::Deserializer::from_str(item.get()).deserialize_map(ObjectVisitor) {
                Ok(mut object) => {
                    taken.push(read(&mut object));
                    self.errors
                        .extend(object.into_errors().into_iter().map(|error| within(&at, error)));
                }
                Err(_) => self.errors.push(FieldError::new(at, "wrong_type", "Must be an object")),
            }
        }
        if self.errors.len() > known {
            Input::Malformed
        } else {
            Input::Given(taken)
        }
    }

    /// Takes a list of at most `most` texts. `null` is an empty one.
    pub(crate) fn texts(&mut self, name: &str, most: usize) -> Input<Vec<String>> {
        let Some(value) = self.members.remove(name) else {
            return Input::Missing;
        };
        if is_null(value) {
            return Input::Given(Vec::new());
        }
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else {
            return self.malformed(FieldError::new(
                pointer(name),
                "wrong_type",
                "Must be a list of strings",
            ));
        };
        if items.len() > most {
            let detail = format!("Must be a list of at most {most} strings");
            return self.malformed(FieldError::new(pointer(name), "too_long", detail));
        }
        let mut texts = Vec::with_capacity(items.len());
        let mut malformed = false;
        for (index, item) in items.into_iter().enumerate() {
            match text(item, &format!("{}/{index}", pointer(name))) {
                Ok(text) => texts.push(text),
                Err(error) => {
                    self.errors.push(error);
                    malformed = true;
                }
            }
        }
        if malformed {
            Input::Malformed
        } else {
            Input::Given(texts)
        }
    }

    fn malformed<T>(&mut self, error: FieldError) -> Input<T> {
        self.errors.push(error);
        Input::Malformed
    }

    /// Everything that was wrong; members that nobody took are unknown.
    pub(crate) fn into_errors(mut self) -> Vec<FieldError> {
        let unknown = self
            .members
            .keys()
            .map(|name| FieldError::new(pointer(name), "unknown_field", "Unknown field"));
        self.errors.extend(unknown);
        self.errors
    }
}

/// The point in time that a text names.
pub(crate) fn read_time(input: Input<String>, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Timestamp> {
    let Input::Given(text) = input else { return None };
    let time = query::read_time(&text);
    if time.is_none() {
        let detail = "Must be a time such as 2026-11-23T06:00:00Z (RFC 3339)";
        errors.push(FieldError::new(pointer, "invalid_value", detail));
    }
    time
}

/// The error of a part that is at `pointer`.
fn within(pointer: &str, error: FieldError) -> FieldError {
    FieldError {
        pointer: format!("{pointer}{}", error.pointer),
        ..error
    }
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Syntax has been checked, so that a text which cannot be decoded has half of a surrogate pair in it.
fn text(value: &RawValue, pointer: &str) -> Result<String, FieldError> {
    if !value.get().starts_with('"') {
        return Err(FieldError::new(pointer, "wrong_type", "Must be a string"));
    }
    serde_json::from_str(value.get())
        .map_err(|_| FieldError::new(pointer, "forbidden_character", "Must not contain an unpaired surrogate"))
}

/// RFC 6901 §3, for a member of the body.
fn pointer(name: &str) -> String {
    if name.len() > MAX_POINTER_NAME_BYTES {
        return String::new();
    }
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = JsonObject<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject<'de>, A::Error> {
        let mut object = JsonObject {
            members: BTreeMap::new(),
            errors: Vec::new(),
        };
        while let Some(key) = map.next_key::<&RawValue>()? {
            let value = map.next_value()?;
            match object.members.entry(member_name(key).into_owned()) {
                Entry::Vacant(entry) => drop(entry.insert(value)),
                Entry::Occupied(entry) => {
                    let detail = "The field is given more than once";
                    object
                        .errors
                        .push(FieldError::new(pointer(entry.key()), "duplicate_field", detail));
                }
            }
        }
        Ok(object)
    }
}

/// A name that cannot be decoded is left as it stands, and so is no field's.
fn member_name(key: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<String>(key.get()).map_or(Cow::Borrowed(key.get()), Cow::Owned)
}

#[cfg(test)]
mod tests;
