//! Event cases: which pass unchanged, which are rejected, and for which reason.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::AccountName;
use prost::Message;

use super::rejection::MAX_DEPTH;
use super::*;
use crate::schema::cloudevents::CloudEvent;
use crate::schema::cloudevents::cloud_event::cloud_event_attribute_value::Attr;
use crate::schema::cloudevents::cloud_event::{CloudEventAttributeValue, Data};

/// An event with `change` applied to its text.
fn event(change: impl Fn(&str) -> String) -> String {
    change(r#"{"specversion":"1.0","id":"1","source":"/crm","type":"deal.won","data":{"a":1}}"#)
}

/// A message with this content type, and without headers.
fn typed<'a>(content_type: &'a str, body: &'a [u8]) -> EventMessage<'a, 'a> {
    EventMessage {
        content_type: Some(content_type),
        ..EventMessage::structured(body)
    }
}

fn with_data(data: &str) -> String {
    event(|text| text.replace(r#"{"a":1}"#, data))
}

fn reason(body: &[u8]) -> Option<RejectionReason> {
    decode(&typed("application/json", body))
        .err()
        .map(|rejection| rejection.reason)
}

#[test]
fn what_is_no_json_is_malformed() {
    let whole = event(str::to_owned);
    let cases = [
        String::new(),
        "  \n".into(),
        format!("\u{feff}\u{feff}{whole}"),
        format!("{whole}\u{feff}"),
        whole[..whole.len() - 1].into(),
        format!("{whole}x"),
        format!("{whole}{whole}"),
        with_data("NaN"),
        with_data("'a'"),
        with_data("[1,]"),
        with_data("01"),
        with_data("\"\u{0}\""),
    ];
    for case in cases {
        assert_eq!(reason(case.as_bytes()), Some(RejectionReason::Malformed), "{case:?}");
    }
}

#[test]
fn other_encodings_are_not_utf8() {
    let utf16: Vec<u8> = event(str::to_owned)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .chain([0xff])
        .collect();
    for case in [&b"\xff\xfe{"[..], b"{\"id\":\"caf\xe9\"}", &utf16] {
        assert_eq!(reason(case), Some(RejectionReason::NotUtf8));
    }
}

#[test]
fn a_wrong_envelope_names_its_attribute() {
    let cases = [
        (r#""id":"1","#, "", "id"),
        (r#""id":"1""#, r#""id":"""#, "id"),
        (r#""id":"1""#, r#""id":null"#, "id"),
        (r#""id":"1""#, r#""id":"a b""#, "id"),
        (r#""id":"1""#, r#""id":"a\u202eb""#, "id"),
        (r#""specversion":"1.0""#, r#""specversion":"0.3""#, "specversion"),
        (r#""source":"/crm","#, "", "source"),
        (r#""type":"deal.won","#, "", "type"),
        (r#""type":"deal.won""#, r#""type":"deal\u0000won""#, "type"),
        (r#""id":"1""#, r#""id":"1","time":"yesterday""#, "time"),
        (r#""id":"1""#, r#""id":"1","time":"2026-11-23T06:00:00""#, "time"),
        (r#""id":"1""#, r#""id":"1","account":"""#, "account"),
        (r#""id":"1""#, r#""id":"1","account":"caf\u00e9""#, "account"),
    ];
    for (from, to, attribute) in cases {
        let body = event(|text| text.replace(from, to));
        let rejection = decode(&EventMessage::structured(body.as_bytes())).unwrap_err();
        assert_eq!(rejection.reason, RejectionReason::InvalidAttribute, "{body}");
        assert!(
            rejection.detail.contains(&format!("`{attribute}`")),
            "{}",
            rejection.detail
        );
    }
    let long = event(|text| text.replace(r#""id":"1""#, &format!(r#""id":"{}""#, "é".repeat(256))));
    assert_eq!(reason(long.as_bytes()), Some(RejectionReason::InvalidAttribute));
    for body in [r#"{"id":1}"#, r#"{"id":"1","id":"2"}"#, "[]", "1", "null"] {
        assert_eq!(
            reason(body.as_bytes()),
            Some(RejectionReason::InvalidAttribute),
            "{body}"
        );
    }
}

#[test]
fn depth_is_counted_with_the_envelope() {
    let nested = |levels: usize| with_data(&format!("{}1{}", "[".repeat(levels), "]".repeat(levels)));
    assert_eq!(reason(nested(MAX_DEPTH - 1).as_bytes()), None);
    assert_eq!(reason(nested(MAX_DEPTH).as_bytes()), Some(RejectionReason::TooDeep));
    assert_eq!(reason(nested(100_000).as_bytes()), Some(RejectionReason::TooDeep));
}

#[test]
fn content_types_and_encodings() {
    let body = event(str::to_owned);
    let accepts = |content_type, content_encoding| {
        let message = EventMessage {
            content_type,
            content_encoding,
            ..EventMessage::structured(body.as_bytes())
        };
        decode(&message).map_err(|r| r.reason)
    };
    for content_type in [
        None,
        Some(""),
        Some("application/json"),
        Some("Application/CloudEvents+JSON; charset=\"UTF-8\""),
    ] {
        assert!(accepts(content_type, None).is_ok(), "{content_type:?}");
    }
    for content_type in [
        "text/plain",
        "application/xml",
        "application/json; charset=latin1",
        "json",
    ] {
        assert_eq!(
            accepts(Some(content_type), None),
            Err(RejectionReason::UnsupportedContentType),
            "{content_type}"
        );
    }
    assert_eq!(
        accepts(None, Some("gzip")),
        Err(RejectionReason::UnsupportedContentEncoding)
    );
    assert!(accepts(None, Some("identity")).is_ok());
}

#[test]
fn data_passes_untouched() {
    for data in [
        r#""\u0000""#,
        r#""\ud800""#,
        "1234567890123456789012345678901234567890",
        "1e400",
        r#"{"a":1,"a":2}"#,
        "{ \"z\" : 1.10 ,\"a\":[ ] }",
        "null",
    ] {
        let body = with_data(data);
        let decoded = decode(&EventMessage::structured(body.as_bytes())).unwrap_or_else(|e| panic!("{data}: {e}"));
        assert_eq!(decoded.data, data);
    }
    let without = event(|text| text.replace(r#","data":{"a":1}"#, ""));
    assert_eq!(
        decode(&EventMessage::structured(without.as_bytes())).unwrap().data,
        "null"
    );
}

#[test]
fn a_byte_order_mark_in_front_is_ignored() {
    let body = format!("\u{feff}{}", with_data("{ \"a\" : \"\u{feff}\" }"));
    assert_eq!(
        decode(&EventMessage::structured(body.as_bytes())).unwrap().data,
        "{ \"a\" : \"\u{feff}\" }"
    );
    let event = CloudEvent {
        data: Some(Data::TextData("\u{feff}[1 ]".into())),
        ..protobuf_event()
    };
    assert_eq!(
        decode(&typed("application/cloudevents+protobuf", &event.encode_to_vec()))
            .unwrap()
            .data,
        "[1 ]"
    );
}

fn time_of(time: &str) -> Result<String, RejectionReason> {
    let body = event(|text| text.replacen('{', &format!(r#"{{"time":"{time}","#), 1));
    let decoded = decode(&EventMessage::structured(body.as_bytes())).map_err(|rejection| rejection.reason)?;
    Ok(decoded.time.unwrap().into_owned())
}

#[test]
fn a_time_in_rfc_3339_passes_as_it_came() {
    for time in [
        "2026-03-29T02:30:00Z",
        "2026-03-29t02:30:00z",
        "2026-03-29T02:30:00.5+01:00",
        "2026-03-29T02:30:00.123456789-09:30",
        "2016-12-31T23:59:60Z",
        "0001-01-01T00:00:00-00:00",
    ] {
        assert_eq!(time_of(time).as_deref(), Ok(time));
    }
}

#[test]
fn a_time_in_another_form_becomes_rfc_3339_in_utc() {
    for (time, expected) in [
        ("2026-03-29 02:30:00+01:00", "2026-03-29T01:30:00Z"),
        ("2026-03-29T02:30:00+02:00[Europe/Berlin]", "2026-03-29T00:30:00Z"),
        ("2026-03-29T02:30:00,5Z", "2026-03-29T02:30:00.5Z"),
        ("2026-03-29T02:30:00+0100", "2026-03-29T01:30:00Z"),
        ("2026-03-29T02:30:00-03", "2026-03-29T05:30:00Z"),
        ("2026-03-29T02:30Z", "2026-03-29T02:30:00Z"),
        ("20260329T023000Z", "2026-03-29T02:30:00Z"),
        ("+002026-03-29T02:30:00Z", "2026-03-29T02:30:00Z"),
    ] {
        assert_eq!(time_of(time).as_deref(), Ok(expected), "{time}");
    }
}

#[test]
fn a_time_that_is_no_instant_is_refused() {
    for time in [
        "2026-03-29T02:30:00",
        "2026-03-29 02:30:00",
        "2026-03-29T02:30:00[Europe/Berlin]",
        "2026-03-29",
        "1774747800",
        "Sun, 29 Mar 2026 02:30:00 GMT",
        "/Date(1774747800000)/",
        "-000001-03-29T02:30:00Z",
        "2026-02-30T02:30:00Z",
        "",
    ] {
        assert_eq!(time_of(time), Err(RejectionReason::InvalidAttribute), "{time}");
    }
}

#[test]
fn defaults_and_extensions() {
    let body = event(|text| text.replace('{', r#"{"traceparent":"00-x","colour":"red","subject":null,"#));
    // The replacement also reaches `data`, which is free to hold anything.
    let decoded = decode(&EventMessage::structured(body.as_bytes())).unwrap();
    assert_eq!(decoded.account, AccountName::default_account());
    assert_eq!(decoded.time, None);
    assert_eq!(decoded.subject, None);
    assert_eq!(decoded.traceparent.as_deref(), Some("00-x"));
}

#[test]
fn the_actor_is_a_text_or_a_number_and_never_a_reason_to_reject() {
    for (given, expected) in [
        (r#""int_7""#, Some("int_7")),
        (r#""caf\u00e9""#, Some("café")),
        ("7", Some("7")),
        ("-1.50", Some("-1.50")),
        ("null", None),
        ("true", None),
        (r#"{"id":"int_7"}"#, None),
        (r#""\ud800""#, None),
    ] {
        let body = event(|text| text.replacen('{', &format!(r#"{{"actor":{given},"#), 1));
        let decoded = decode(&EventMessage::structured(body.as_bytes())).unwrap();
        assert_eq!(decoded.actor.as_deref(), expected, "{given}");
    }
    let with = |attr| {
        let mut event = protobuf_event();
        event
            .attributes
            .insert("actor".into(), CloudEventAttributeValue { attr: Some(attr) });
        decode_protobuf(&event).unwrap().actor
    };
    assert_eq!(with(Attr::CeString("int_7".into())).as_deref(), Some("int_7"));
    assert_eq!(with(Attr::CeInteger(7)).as_deref(), Some("7"));
    assert_eq!(with(Attr::CeBoolean(true)), None);
}

fn protobuf_event() -> CloudEvent {
    let string = |text: &str| CloudEventAttributeValue {
        attr: Some(Attr::CeString(text.into())),
    };
    CloudEvent {
        id: "1".into(),
        source: "/crm".into(),
        spec_version: "1.0".into(),
        r#type: "deal.won".into(),
        attributes: HashMap::from([
            ("account".into(), string("acme")),
            ("subject".into(), string("deals/1")),
        ]),
        data: Some(Data::TextData(r#"{"b":1.10}"#.into())),
    }
}

fn decode_protobuf(event: &CloudEvent) -> Result<CrmEvent<'static>, Rejection> {
    protobuf::decode(&event.encode_to_vec())
}

#[test]
fn the_protobuf_format_says_the_same() {
    let decoded = decode_protobuf(&protobuf_event()).unwrap();
    assert_eq!(
        (decoded.account.as_str(), decoded.subject.as_deref()),
        ("acme", Some("deals/1"))
    );
    assert_eq!(decoded.data, r#"{"b":1.10}"#);
    let body = protobuf_event().encode_to_vec();
    assert!(decode(&typed("application/cloudevents+protobuf", &body)).is_ok());
}

#[test]
fn a_wrong_protobuf_event_is_refused() {
    let reason = |event: CloudEvent| decode_protobuf(&event).map_err(|rejection| rejection.reason);
    let text = |text: String| CloudEvent {
        data: Some(Data::TextData(text)),
        ..protobuf_event()
    };
    assert_eq!(reason(text("<x/>".into())), Err(RejectionReason::Malformed));
    assert_eq!(
        reason(text(format!("{}1{}", "[".repeat(64), "]".repeat(64)))),
        Err(RejectionReason::TooDeep)
    );
    let binary = CloudEvent {
        data: Some(Data::BinaryData(vec![1])),
        ..protobuf_event()
    };
    assert_eq!(reason(binary), Err(RejectionReason::InvalidAttribute));
    let nameless = CloudEvent {
        id: String::new(),
        ..protobuf_event()
    };
    assert_eq!(reason(nameless), Err(RejectionReason::InvalidAttribute));
    assert_eq!(
        protobuf::decode(b"{}").map_err(|r| r.reason),
        Err(RejectionReason::Malformed)
    );
}

/// The event of `event`, in binary mode: its headers without a prefix, and its body.
const BINARY: [(&str, &str); 6] = [
    ("specversion", "1.0"),
    ("id", "1"),
    ("source", "/crm"),
    ("type", "deal.won"),
    ("account", "acme"),
    ("actor", "int_7"),
];

/// Stands for a header that is no text.
const UNREADABLE: &str = "unreadable";

/// Decodes a message in binary mode.
fn binary(
    prefix: &str,
    headers: &[(&str, &str)],
    content_type: Option<&str>,
    body: &[u8],
) -> Result<(String, String), Rejection> {
    let header = |name: &str| {
        let name = name.strip_prefix(prefix)?;
        let value = headers.iter().find(|(header, _)| *header == name)?.1;
        Some(match value {
            UNREADABLE => Header::Unreadable,
            text => Header::Text(Cow::Owned(text.to_owned())),
        })
    };
    let message = EventMessage {
        content_type,
        content_encoding: None,
        header: &header,
        body,
    };
    let event = decode(&message)?;
    let envelope = format!(
        "{} {} {} {} {:?} {:?}",
        event.id, event.source, event.event_type, event.account, event.actor, event.time
    );
    Ok((envelope, event.data.into_owned()))
}

#[test]
fn attributes_in_headers_are_read_and_the_body_is_data() {
    let data = " {\"a\": 1.10, \"a\": \"\\ud800\"}";
    for prefix in ["cloudEvents:", "cloudEvents_"] {
        for content_type in [
            None,
            Some("application/json; charset=utf-8"),
            Some("application/vnd.crm.deal+json"),
        ] {
            let (envelope, body) = binary(prefix, &BINARY, content_type, data.as_bytes()).unwrap();
            assert_eq!(envelope, "1 /crm deal.won acme Some(\"int_7\") None");
            assert_eq!(body, data.trim_start());
        }
    }
    let timed: Vec<_> = BINARY.into_iter().chain([("time", "2026-11-23T06:00:00Z")]).collect();
    let (envelope, body) = binary("cloudEvents:", &timed, None, b"").unwrap();
    assert!(
        envelope.ends_with("Some(\"2026-11-23T06:00:00Z\")") && body == "null",
        "{envelope}"
    );
}

#[test]
fn a_wrong_event_in_binary_mode_says_what_is_wrong() {
    let reason = |headers: &[_], content_type, body: &[u8]| {
        let decoded = binary("cloudEvents:", headers, content_type, body);
        decoded.map_err(|rejection| (rejection.reason, rejection.detail))
    };
    for missing in ["id", "source", "type"] {
        let headers: Vec<_> = BINARY.into_iter().filter(|(name, _)| *name != missing).collect();
        let detail = format!("attribute `{missing}` is missing");
        assert_eq!(
            reason(&headers, None, b"{}"),
            Err((RejectionReason::InvalidAttribute, detail))
        );
    }
    for name in ["account", "actor", "time", "id", "traceparent"] {
        let headers: Vec<_> = BINARY
            .into_iter()
            .filter(|(header, _)| *header != name)
            .chain([(name, UNREADABLE)])
            .collect();
        let detail = format!("attribute `{name}` must be a text");
        assert_eq!(
            reason(&headers, None, b"{}"),
            Err((RejectionReason::InvalidAttribute, detail)),
            "it is not taken for a missing one"
        );
    }
    let nobody: Vec<_> = BINARY
        .into_iter()
        .map(|(name, value)| (name, if name == "account" { "" } else { value }))
        .collect();
    assert!(reason(&nobody, None, b"{}").is_err());
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    for (content_type, body, expected) in [
        (None, &b"{"[..], RejectionReason::Malformed),
        (None, b"{}{}", RejectionReason::Malformed),
        (None, b"\xff", RejectionReason::NotUtf8),
        (None, deep.as_bytes(), RejectionReason::TooDeep),
        (Some("text/plain"), b"{}", RejectionReason::UnsupportedContentType),
        (
            Some("application/octet-stream"),
            b"{}",
            RejectionReason::UnsupportedContentType,
        ),
        // The content type says that the whole event is in the body.
        (
            Some("application/cloudevents+json"),
            b"{}",
            RejectionReason::InvalidAttribute,
        ),
    ] {
        let found = reason(&BINARY, content_type, body).map_err(|(reason, _)| reason);
        assert_eq!(found, Err(expected), "{content_type:?} {body:?}");
    }
}
