//! The `data` of an event, read once for all conditions. Numbers stay texts, so that none loses a digit.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::condition::{MAX_FIELD_BYTES, MAX_FIELD_LEVELS};
use super::decimal::Decimal;

/// Deepest nesting that is read; events that are deeper are rejected before.
const MAX_DEPTH: usize = 64;

/// Most names that are listed.
const MAX_LISTED: usize = 100;

/// What an event reports about the values before it. Not offered as fields to compare.
const FORMER: &str = "previous";

/// A value in `data`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Decimal<'a>),
    /// A number that is too large to be compared.
    Unbounded(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(HashMap<Cow<'a, str>, Value<'a>>),
}

/// The `data` of an event, parsed.
#[derive(Debug, Clone)]
pub struct EventData<'a>(Value<'a>);

impl<'a> EventData<'a> {
    /// Reads valid JSON. Anything else has no fields.
    pub fn parse(json: &'a str) -> Self {
        let mut parser = Parser { json, at: 0 };
        Self(parser.value(0).unwrap_or(Value::Null))
    }

    /// The value at a path of names with dots between them, which may be null.
    pub(super) fn at(&self, path: &str) -> Option<&Value<'a>> {
        find(&self.0, path)
    }

    /// The value before the event at a path, if the event reports it.
    pub(super) fn former(&self, path: &str) -> Option<&Value<'a>> {
        find(member(&self.0, FORMER)?, path)
    }

    /// The paths of its values, in alphabetical order, as far as a condition can name them: at most a hundred.
    pub fn fields(&self) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        if let Value::Object(members) = &self.0 {
            for (name, value) in members.iter().filter(|(name, _)| *name != FORMER) {
                list(name.to_string(), name, value, &mut fields);
            }
        }
        fields
    }
}

fn member<'v, 'a>(value: &'v Value<'a>, name: &str) -> Option<&'v Value<'a>> {
    match value {
        Value::Object(members) => members.get(name),
        _ => None,
    }
}

fn find<'v, 'a>(value: &'v Value<'a>, path: &str) -> Option<&'v Value<'a>> {
    path.split('.').try_fold(value, |value, name| member(value, name))
}

/// Adds the paths of a value's parts. `path` leads to the value, and ends with `name`.
fn list(path: String, name: &str, value: &Value<'_>, fields: &mut BTreeSet<String>) {
    // A name with a dot in it cannot be told from two names.
    let is_name = !name.is_empty() && !name.contains('.') && !name.contains(char::is_control);
    if !is_name || path.len() > MAX_FIELD_BYTES || path.split('.').count() > MAX_FIELD_LEVELS {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                list(format!("{path}.{name}"), name, value, fields);
            }
        }
        _ => {
            fields.insert(path);
            // The first ones in the alphabet, whatever the order of the members.
            if fields.len() > MAX_LISTED {
                fields.pop_last();
            }
        }
    }
}

/// Reads JSON whose syntax was checked when the event was decoded; it only has to find its parts.
struct Parser<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.text().map(Value::Text),
            b'-' | b'0'..=b'9' => Some(self.number()),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut members = HashMap::new();
        self.at += 1;
        while !self.ends_with(b'}')? {
            let name = self.text()?;
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            // Of a repeated name the last value counts, as for most readers.
            members.insert(name, value);
        }
        Some(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.ends_with(b']')? {
            items.push(self.value(depth + 1)?);
        }
        Some(Value::Array(items))
    }

    /// Whether this is the end of an object or array. A comma before the next part is passed over.
    fn ends_with(&mut self, end: u8) -> Option<bool> {
        let mut next = self.peek()?;
        if next == b',' {
            self.at += 1;
            next = self.peek()?;
        }
        if next == end {
            self.at += 1;
        }
        Some(next == end)
    }

    /// A text that cannot be decoded, because of half a surrogate pair, stays as it is written.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        self.expect(b'"')?;
        let start = self.at;
        let bytes = self.json.as_bytes();
        let mut escaped = false;
        while *bytes.get(self.at)? != b'"' {
            let is_escape = bytes[self.at] == b'\\';
            escaped |= is_escape;
            self.at += if is_escape { 2 } else { 1 };
        }
        let raw = self.json.get(start..self.at)?;
        self.at += 1;
        let decoded = || serde_json::from_str(&self.json[start - 1..self.at]).ok();
        Some(match escaped.then(decoded).flatten() {
            Some(text) => Cow::Owned(text),
            None => Cow::Borrowed(raw),
        })
    }

    fn number(&mut self) -> Value<'a> {
        let text = self.token(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        Decimal::parse(text).map_or(Value::Unbounded(text), Value::Number)
    }

    fn word(&mut self) -> Option<Value<'a>> {
        match self.token(|byte| byte.is_ascii_lowercase()) {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => None,
        }
    }

    fn token(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        let rest = &self.json.as_bytes()[start..];
        self.at += rest.iter().take_while(|byte| belongs(**byte)).count();
        // Only ASCII was passed over.
        &self.json[start..self.at]
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.json.as_bytes().get(self.at..)?;
        let space = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
        self.at += space;
        rest.get(space).copied()
    }
}
