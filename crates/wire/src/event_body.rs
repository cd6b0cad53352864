//! The payload of a delivery: the body that is signed and posted.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cloud_event::CrmEvent;

/// Builds the JSON body of contract form `{"type","timestamp","id","account","subject"?,"data"}`.
///
/// `timestamp` is the event's own time where it has one, else `accepted_at`. `data` is copied byte for byte. It is built
/// once per event; all deliveries of the event share the bytes.
pub fn event_body(event: &CrmEvent<'_>, accepted_at: jiff::Timestamp) -> Bytes {
    body(event, accepted_at, false)
}

/// The same body with `"test":true`, so that a receiver can tell it from a real event.
pub fn test_body(event: &CrmEvent<'_>, accepted_at: jiff::Timestamp) -> Bytes {
    body(event, accepted_at, true)
}

/// The `data` in a payload, byte for byte; `None` if it is not a body that [`event_body`] built.
pub fn data_of(payload: &[u8]) -> Option<&str> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let body: Body<'_> = serde_json::from_slice(payload).ok()?;
    Some(body.data.get())
}

fn body(event: &CrmEvent<'_>, accepted_at: jiff::Timestamp, test: bool) -> Bytes {
    let mut out = Vec::with_capacity(event.data.len() + event.id.len() + event.account.as_str().len() + 192);
    out.push(b'{');
    field(&mut out, "type", &event.event_type);
    match &event.time {
        Some(time) => field(&mut out, "timestamp", time),
        None => field(&mut out, "timestamp", &accepted_at.to_string()),
    }
    field(&mut out, "id", &event.id);
    field(&mut out, "account", event.account.as_str());
    if let Some(subject) = &event.subject {
        field(&mut out, "subject", subject);
    }
    if test {
        out.extend_from_slice(b"\"test\":true,");
    }
    out.extend_from_slice(b"\"data\":");
    out.extend_from_slice(event.data.as_bytes());
    out.push(b'}');
    Bytes::from(out)
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    serde_json::to_writer(&mut *out, value).expect("a string is always JSON, and a Vec always takes it");
    out.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud_event::{EventMessage, decode};

    const EVENT: &str = r#"{"specversion":"1.0","id":"e\"1","source":"/crm","type":"deal.won","time":"2026-11-23T06:00:00+01:00",
        "subject":"deals/9","account":"acme","data": { "b":1.10, "a":"\u0000\ud800", "b":2 } }"#;

    #[test]
    fn data_is_found_in_a_body() {
        let event = decode(&EventMessage::structured(EVENT.as_bytes())).unwrap();
        let body = event_body(&event, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(data_of(&body), Some(event.data.as_ref()));
        for other in [&b"{}"[..], b"", b"\xff", b"1", br#"{"data":}"#] {
            assert_eq!(data_of(other), None);
        }
    }

    #[test]
    fn the_body_keeps_data_byte_for_byte() {
        let event = decode(&EventMessage::structured(EVENT.as_bytes())).unwrap();
        let body = event_body(&event, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"type":"deal.won","timestamp":"2026-11-23T06:00:00+01:00","id":"e\"1","account":"acme","subject":"deals/9","data":{ "b":1.10, "a":"\u0000\ud800", "b":2 }}"#
        );
    }

    #[test]
    fn a_test_says_so_and_a_missing_time_is_the_acceptance() {
        let event = br#"{"specversion":"1.0","id":"e","source":"/crm","type":"deal.won","data":1}"#;
        let event = decode(&EventMessage::structured(event)).unwrap();
        let body = test_body(&event, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"type":"deal.won","timestamp":"1970-01-01T00:00:00Z","id":"e","account":"default","test":true,"data":1}"#
        );
    }
}
