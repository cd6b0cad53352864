//! Requests for an operation: a good one, and that one with something wrong.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use serde_json::{Map, Value, json};
use url::form_urlencoded::byte_serialize;

use super::corpus;
use super::description::{Description, Operation, Parameter};

/// Longest path and query that are sent; the whole head may have 16 KiB.
const MAX_ADDRESS_BYTES: usize = 8 * 1024;

/// Requests of an operation in which everything is wrong at once.
const MIXED: usize = 40;

/// What there is to ask about.
pub struct Known {
    pub webhook: String,
    pub delivery: String,
    pub notification: String,
    pub token: String,
    pub url: String,
}

/// A request, and what is special about it.
pub struct Sent {
    pub label: String,
    pub request: Request<Bytes>,
    /// Its path may be another's.
    pub bends_path: bool,
}

/// What a request consists of before it is put together.
#[derive(Clone)]
struct Draft {
    /// By name; as they stand in the address or the head.
    parameters: Vec<(Parameter, Option<String>)>,
    body: Option<Vec<u8>>,
    content_type: Option<&'static str>,
}

/// All requests for an operation; the same at every run.
pub fn requests(description: &Description, operation: &Operation, known: &Known) -> Vec<Sent> {
    let good = Draft::good(description, operation, known);
    let members = operation
        .body
        .as_ref()
        .map(|schema| good_body(description, schema, known))
        .unwrap_or_default();
    let mut all = parameters(&good);
    if operation.body.is_some() {
        all.extend(wrong_members(&good, operation, &members));
        all.extend(wrong_bodies(&good));
    }
    all.extend(mixed(&good, operation, &members));
    // Last, since it may delete what the others need.
    all.push(("as described".to_owned(), good));
    all.into_iter()
        .filter_map(|(what, draft)| draft.into_request(&what, operation))
        .collect()
}

impl Draft {
    fn good(description: &Description, operation: &Operation, known: &Known) -> Self {
        let value = |parameter: &Parameter| (parameter.place == "path").then(|| id(operation, known).to_owned());
        let parameters = operation.parameters.iter().map(|it| (it.clone(), value(it))).collect();
        let body = operation
            .body
            .as_ref()
            .map(|schema| good_body(description, schema, known));
        Self {
            parameters,
            body: body.map(|body| Value::Object(body).to_string().into_bytes()),
            content_type: operation.body.as_ref().map(|_| "application/json"),
        }
    }

    fn with_members(&self, members: &Map<String, Value>) -> Self {
        Self {
            body: Some(json!(members).to_string().into_bytes()),
            ..self.clone()
        }
    }

    fn with_parameter(&self, index: usize, value: &str) -> Self {
        let mut changed = self.clone();
        changed.parameters[index].1 = Some(value.to_owned());
        changed
    }

    /// Nothing for what HTTP itself cannot say, or the server does not read (431).
    fn into_request(self, what: &str, operation: &Operation) -> Option<Sent> {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let (mut path, mut query) = (format!("/api/v1{}", operation.path), Vec::new());
        let mut request = Request::builder().method(operation.method.as_str());
        let mut bends_path = false;
        for (Parameter { name, place, .. }, value) in &self.parameters {
            let Some(value) = value else { continue };
            match place.as_str() {
                "path" => {
                    path = path.replace(&format!("{{{name}}}"), &encoded(value));
                    // Nothing between two slashes, or dots, is another path.
                    bends_path |= matches!(value.as_str(), "" | "." | "..");
                }
                "query" => query.push(format!("{name}={}", encoded(value))),
                _ => {
                    let header = HeaderName::try_from(name.as_str()).ok()?;
                    request = request.header(header, HeaderValue::from_bytes(value.as_bytes()).ok()?);
                }
            }
        }
        if let Some(content_type) = self.content_type {
            request = request.header("content-type", content_type);
        }
        let address = if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        };
        if address.len() > MAX_ADDRESS_BYTES {
            return None;
        }
        let shown: String = format!("{} {address} with {what}", operation.method)
            .chars()
            .take(300)
            .collect();
        let request = request
            .uri(&address)
            .body(Bytes::from(self.body.unwrap_or_default()))
            .ok()?;
        Some(Sent {
            label: shown,
            request,
            bends_path,
        })
    }
}

fn id<'a>(operation: &Operation, known: &'a Known) -> &'a str {
    match operation.path.split('/').nth(1) {
        Some("webhooks") => &known.webhook,
        Some("deliveries") => &known.delivery,
        Some("notifications") => &known.notification,
        Some("tokens") => &known.token,
        other => panic!("what has the id of {other:?}?"),
    }
}

/// With the members that must be there.
fn good_body(description: &Description, schema: &Value, known: &Known) -> Map<String, Value> {
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    required
        .map(|name| {
            (
                name.to_owned(),
                good_value(description, name, &schema["properties"][name], known),
            )
        })
        .collect()
}

fn good_value(description: &Description, name: &str, schema: &Value, known: &Known) -> Value {
    let schema = description.resolve(schema);
    if let Some(only) = schema.get("const").or(schema["enum"].get(0)) {
        return only.clone();
    }
    if let Some(first) = schema["oneOf"].get(0).or(schema["anyOf"].get(0)) {
        return good_value(description, name, first, known);
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => json!([good_value(description, name, &schema["items"], known)]),
        (Some("string"), Some("uri")) => json!(known.url),
        (Some("string"), Some("date-time")) => json!("2026-01-01T00:00:00Z"),
        (Some("string"), _) => json!("ERP Sync"),
        (Some("object"), _) => json!({"x-env": "prod"}),
        other => panic!("what is a good {name} of {other:?}?"),
    }
}

/// Each parameter with each text, and with those that are right; the others as they should be.
fn parameters(good: &Draft) -> Vec<(String, Draft)> {
    let with = |index: usize| {
        let Parameter { name, schema, .. } = &good.parameters[index].0;
        let texts = corpus::texts().into_iter().chain(right_texts(schema));
        texts.map(move |text| (format!("{name} {text:?}"), good.with_parameter(index, &text)))
    };
    (0..good.parameters.len()).flat_map(with).collect()
}

fn right_texts(schema: &Value) -> Vec<String> {
    let listed = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned);
    let other = match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("integer"), _) => Some("1"),
        (Some("boolean"), _) => Some("false"),
        (Some("string"), Some("date-time")) => Some("2026-01-01T00:00:00Z"),
        _ => None,
    };
    listed.chain(other.map(str::to_owned)).collect()
}

/// Each member with each value, left out, and an unknown member.
fn wrong_members(good: &Draft, operation: &Operation, members: &Map<String, Value>) -> Vec<(String, Draft)> {
    let mut all = Vec::new();
    for name in member_names(operation) {
        for value in corpus::values() {
            let mut changed = members.clone();
            let what: String = format!("{name}: {value}").chars().take(120).collect();
            changed.insert(name.clone(), value);
            all.push((what, good.with_members(&changed)));
        }
        let mut changed = members.clone();
        changed.remove(&name);
        all.push((format!("no {name}"), good.with_members(&changed)));
    }
    let mut changed = members.clone();
    changed.insert("__proto__".to_owned(), json!({"role": "admin"}));
    all.push(("a member that nobody knows".to_owned(), good.with_members(&changed)));
    all
}

fn member_names(operation: &Operation) -> Vec<String> {
    let properties = operation
        .body
        .as_ref()
        .and_then(|schema| schema["properties"].as_object());
    properties.into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Bodies that are none, and good ones that say they are something else.
fn wrong_bodies(good: &Draft) -> Vec<(String, Draft)> {
    const CONTENT_TYPES: [Option<&str>; 5] = [
        None,
        Some("text/plain"),
        Some("application/json; charset=utf-16"),
        Some("multipart/form-data"),
        Some("*/*"),
    ];
    let body = |bytes: Vec<u8>| {
        let shown: String = String::from_utf8_lossy(&bytes).chars().take(60).collect();
        (
            format!("the body {shown:?}"),
            Draft {
                body: Some(bytes),
                ..good.clone()
            },
        )
    };
    let typed = |content_type| {
        (
            format!("content type {content_type:?}"),
            Draft {
                content_type,
                ..good.clone()
            },
        )
    };
    corpus::bodies()
        .into_iter()
        .map(body)
        .chain(CONTENT_TYPES.into_iter().map(typed))
        .collect()
}

/// Everything wrong at once, as a generator with a fixed seed has it.
fn mixed(good: &Draft, operation: &Operation, members: &Map<String, Value>) -> Vec<(String, Draft)> {
    let (texts, values, names) = (corpus::texts(), corpus::values(), member_names(operation));
    let mut random = Random(operation.path.bytes().fold(0x9e37_79b9_7f4a_7c15, |seed: u64, byte| {
        seed.wrapping_mul(31) ^ u64::from(byte)
    }));
    let mut one = |number: usize| {
        let mut draft = good.clone();
        for (parameter, value) in &mut draft.parameters {
            // An unknown id or another account would hide all other errors.
            if parameter.place != "path" && parameter.name != "X-Account" && random.below(3) > 0 {
                *value = Some(texts[random.below(texts.len())].clone());
            }
        }
        if operation.body.is_some() {
            let mut changed = members.clone();
            for name in &names {
                if random.below(2) > 0 {
                    changed.insert(name.clone(), values[random.below(values.len())].clone());
                }
            }
            draft = draft.with_members(&changed);
        }
        (format!("mixture {number}"), draft)
    };
    let has_parts = operation.body.is_some() || good.parameters.iter().any(|(it, _)| it.place != "path");
    (0..if has_parts { MIXED } else { 0 }).map(&mut one).collect()
}

/// Xorshift: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
