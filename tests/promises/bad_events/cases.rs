//! Events on either side of the line.

use e2e::{Event, Message};

/// An event that must be rejected.
pub struct Unacceptable {
    /// Names the case; also sent as a header, by which it is found again.
    pub name: &'static str,
    /// What is published.
    pub message: Message,
    /// The `x-reject-reason` it must get.
    pub reason: &'static str,
}

/// Every way to be wrong, each in a message of its own.
pub fn unacceptable() -> Vec<Unacceptable> {
    [
        not_json(),
        wrong_attributes(),
        wrong_sizes(),
        wrong_properties(),
        wrong_protobuf(),
        wrong_binary(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Odd, and yet to be delivered: without a content type, with a charset, at the limits of depth and size, with an odd id.
pub fn acceptable() -> Vec<Message> {
    let event = |id: &str| Event::new("deal.won", id);
    let plain = |event: Event| Message::new("deal.won", event.as_json().body());
    vec![
        plain(event("no-content-type")),
        event("charset")
            .as_json()
            .content_type("Application/JSON; charset=\"UTF-8\""),
        event("identity").as_json().content_encoding("identity"),
        event("protobuf").as_protobuf(),
        event("binary").as_binary("cloudEvents:"),
        plain(event("deep").with_data(&nested(63))),
        plain(event("large").with_data(&format!("\"{}\"", "x".repeat(261_000)))),
        plain(event(&"i".repeat(255))),
        plain(event("Zażółć-🦀")),
    ]
}

fn not_json() -> Vec<Unacceptable> {
    let event = Event::new("deal.won", "not-json").as_json();
    let text = String::from_utf8_lossy(event.body()).into_owned();
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases: [(&str, Vec<u8>, &str); 15] = [
        ("empty", Vec::new(), "malformed"),
        ("white space", b" \n".into(), "malformed"),
        (
            "two byte order marks",
            format!("\u{feff}\u{feff}{text}").into(),
            "malformed",
        ),
        ("truncated", text[..text.len() - 1].into(), "malformed"),
        ("trailing text", format!("{text}x").into(), "malformed"),
        ("two documents", format!("{text}{text}").into(), "malformed"),
        (
            "trailing comma",
            text.replace(r#""account""#, r#","account""#).into(),
            "malformed",
        ),
        ("single quotes", text.replace('"', "'").into(), "malformed"),
        ("not a number", with_data(&text, "NaN"), "malformed"),
        ("leading zero", with_data(&text, "01"), "malformed"),
        ("raw NUL in a string", with_data(&text, "\"\0\""), "malformed"),
        (
            "bytes that are no text",
            with_raw_data(&text, b"\"\xff\xfe\""),
            "not_utf8",
        ),
        ("Latin-1", with_raw_data(&text, b"\"caf\xe9\""), "not_utf8"),
        (
            "a surrogate in UTF-8",
            with_raw_data(&text, b"\"\xed\xa0\x80\""),
            "not_utf8",
        ),
        ("UTF-16", [&[0xfe, 0xff], &*utf_16].concat(), "not_utf8"),
    ];
    cases
        .map(|(name, body, reason)| Unacceptable {
            name,
            message: json(body),
            reason,
        })
        .into()
}

fn wrong_attributes() -> Vec<Unacceptable> {
    let whole = |fields: &str| format!(r#"{{"specversion":"1.0","id":"a","source":"/s","type":"deal.won",{fields}}}"#);
    let long = "x".repeat(10_000);
    let too_long_id = "i".repeat(256);
    let cases: Vec<(&str, String)> = vec![
        ("a list", "[]".into()),
        ("a string", "\"deal.won\"".into()),
        ("null", "null".into()),
        ("no attributes", "{}".into()),
        (
            "no id",
            r#"{"specversion":"1.0","source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "no source",
            r#"{"specversion":"1.0","id":"a","type":"deal.won"}"#.into(),
        ),
        ("no type", r#"{"specversion":"1.0","id":"a","source":"/s"}"#.into()),
        ("no specversion", r#"{"id":"a","source":"/s","type":"deal.won"}"#.into()),
        (
            "another specversion",
            r#"{"specversion":"0.3","id":"a","source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "an id that is a number",
            r#"{"specversion":"1.0","id":7,"source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "an empty id",
            r#"{"specversion":"1.0","id":"","source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "an id with a space",
            r#"{"specversion":"1.0","id":"a b","source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "an id with a line break",
            r#"{"specversion":"1.0","id":"a\nb","source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "an id with NUL",
            r#"{"specversion":"1.0","id":"a\u0000","source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "an id that is half a pair",
            r#"{"specversion":"1.0","id":"\ud800","source":"/s","type":"deal.won"}"#.into(),
        ),
        (
            "a long id",
            format!(r#"{{"specversion":"1.0","id":"{too_long_id}","source":"/s","type":"deal.won"}}"#),
        ),
        (
            "an empty source",
            r#"{"specversion":"1.0","id":"a","source":"","type":"deal.won"}"#.into(),
        ),
        (
            "a type with a bell",
            r#"{"specversion":"1.0","id":"a","source":"/s","type":"deal.won\u0007"}"#.into(),
        ),
        (
            "a long type",
            format!(r#"{{"specversion":"1.0","id":"a","source":"/s","type":"{long}"}}"#),
        ),
        ("an id twice", whole(r#""id":"b""#)),
        ("data twice", whole(r#""data":1,"data":2"#)),
        ("a subject that is a list", whole(r#""subject":[]"#)),
        ("time in words", whole(r#""time":"yesterday""#)),
        ("time without a zone", whole(r#""time":"2026-11-23T06:00:00""#)),
        ("time as a number", whole(r#""time":1795413600"#)),
        ("an account with a space", whole(r#""account":"a b""#)),
        ("an empty account", whole(r#""account":"""#)),
        ("an account that is a number", whole(r#""account":1"#)),
        ("binary data", whole(r#""data_base64":"AAAA""#)),
    ];
    cases
        .into_iter()
        .map(|(name, body)| Unacceptable {
            name,
            message: json(body),
            reason: reason_of(name),
        })
        .collect()
}

/// Half a surrogate pair is no string at all, so no JSON; the other cases are JSON with a wrong attribute.
fn reason_of(name: &str) -> &'static str {
    if name == "an id that is half a pair" {
        "malformed"
    } else {
        "invalid_attribute"
    }
}

fn wrong_sizes() -> Vec<Unacceptable> {
    let event = |id: &str, data: String| Event::new("deal.won", id).with_data(&data).as_json();
    vec![
        Unacceptable {
            name: "too deep",
            message: event("deep", nested(64)),
            reason: "too_deep",
        },
        Unacceptable {
            name: "far too deep",
            message: event("deeper", nested(100_000)),
            reason: "too_deep",
        },
        Unacceptable {
            name: "too large",
            message: event("large", format!("\"{}\"", "x".repeat(262_144))),
            reason: "too_large",
        },
    ]
}

fn wrong_properties() -> Vec<Unacceptable> {
    let event = |id: &str| Event::new("deal.won", id).as_json();
    let content_type = |name, value: &str| Unacceptable {
        name,
        message: event(name).content_type(value),
        reason: "unsupported_content_type",
    };
    let encoding = |name, value: &str| Unacceptable {
        name,
        message: event(name).content_encoding(value),
        reason: "unsupported_content_encoding",
    };
    vec![
        content_type("plain text", "text/plain"),
        content_type("XML", "application/xml"),
        content_type("another charset", "application/json; charset=iso-8859-1"),
        content_type("a batch", "application/cloudevents-batch+json"),
        encoding("gzip", "gzip"),
        encoding("deflate", "deflate"),
    ]
}

fn wrong_protobuf() -> Vec<Unacceptable> {
    let protobuf = |name, body: &[u8], reason| Unacceptable {
        name,
        message: Message::new("deal.won", body).content_type("application/cloudevents+protobuf"),
        reason,
    };
    let event = |data: &str| Event::new("deal.won", "protobuf").with_data(data).as_protobuf();
    vec![
        protobuf("no protobuf", b"{}", "malformed"),
        protobuf("empty protobuf", b"", "invalid_attribute"),
        protobuf("protobuf with data that is no JSON", event("{").body(), "malformed"),
        protobuf("protobuf too deep", event(&nested(64)).body(), "too_deep"),
    ]
}

fn wrong_binary() -> Vec<Unacceptable> {
    let event = |data: &str| {
        Event::new("deal.won", "binary")
            .with_data(data)
            .as_binary("cloudEvents:")
    };
    let binary = |name, message, reason| Unacceptable { name, message, reason };
    vec![
        binary("binary mode with data that is no JSON", event("{"), "malformed"),
        binary("binary mode too deep", event(&nested(64)), "too_deep"),
        binary(
            "binary mode with data that is a text",
            event("{}").content_type("text/plain"),
            "unsupported_content_type",
        ),
        binary(
            "binary mode without an id",
            json("{}").header("cloudEvents:specversion", "1.0"),
            "invalid_attribute",
        ),
    ]
}

fn json(body: impl Into<Vec<u8>>) -> Message {
    Message::new("deal.won", body).content_type("application/json")
}

fn with_data(event: &str, data: &str) -> Vec<u8> {
    with_raw_data(event, data.as_bytes())
}

/// The event with other bytes for its data, which are its last attribute.
fn with_raw_data(event: &str, data: &[u8]) -> Vec<u8> {
    let (before, _) = event.split_once(r#""data":"#).expect("the event has data");
    [before.as_bytes(), br#""data":"#, data, b"}"].concat()
}

/// Lists within lists; the event around them is one level more.
fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}
