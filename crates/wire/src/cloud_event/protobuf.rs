//! The CloudEvents protobuf format, with JSON text in `text_data`.

use std::borrow::Cow;
use std::collections::HashMap;

use prost::Message;

use super::attributes::{Attributes, CrmEvent};
use super::json;
use super::rejection::{Rejection, RejectionReason};
use crate::schema::cloudevents::CloudEvent;
use crate::schema::cloudevents::cloud_event::cloud_event_attribute_value::Attr;
use crate::schema::cloudevents::cloud_event::{CloudEventAttributeValue, Data};

pub(super) fn decode(body: &[u8]) -> Result<CrmEvent<'static>, Rejection> {
    let event = CloudEvent::decode(body)
        .map_err(|_| Rejection::new(RejectionReason::Malformed, "not a CloudEvents protobuf message"))?;
    let data = match event.data {
        None => "null".to_owned(),
        Some(Data::TextData(text)) => json::one_document(json::without_mark(&text), "`text_data`")?.to_owned(),
        Some(Data::BinaryData(_) | Data::ProtoData(_)) => {
            return Err(Rejection::attribute("data", "must be JSON text in `text_data`"));
        }
    };
    let mut attributes = event.attributes;
    let unset = |text: String| (!text.is_empty()).then_some(Cow::Owned(text));
    Attributes {
        spec_version: unset(event.spec_version),
        id: unset(event.id),
        source: unset(event.source),
        event_type: unset(event.r#type),
        time: time(&mut attributes)?,
        subject: text(&mut attributes, "subject")?,
        account: text(&mut attributes, "account")?,
        traceparent: text(&mut attributes, "traceparent")?,
        actor: actor(&mut attributes),
    }
    .check(Cow::Owned(data))
}

type ByName = HashMap<String, CloudEventAttributeValue>;

fn text(attributes: &mut ByName, name: &str) -> Result<Option<Cow<'static, str>>, Rejection> {
    match attributes.remove(name).map(|value| value.attr) {
        None => Ok(None),
        Some(Some(Attr::CeString(text) | Attr::CeUri(text) | Attr::CeUriRef(text))) => Ok(Some(Cow::Owned(text))),
        Some(_) => Err(Rejection::attribute(name, "must be a string")),
    }
}

/// A text, or a whole number; what has another type names nobody.
fn actor(attributes: &mut ByName) -> Option<Cow<'static, str>> {
    match attributes.remove("actor")?.attr? {
        Attr::CeString(text) | Attr::CeUri(text) | Attr::CeUriRef(text) => Some(Cow::Owned(text)),
        Attr::CeInteger(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

fn time(attributes: &mut ByName) -> Result<Option<Cow<'static, str>>, Rejection> {
    let Some(CloudEventAttributeValue {
        attr: Some(Attr::CeTimestamp(timestamp)),
    }) = attributes.get("time")
    else {
        return text(attributes, "time");
    };
    let instant = jiff::Timestamp::new(timestamp.seconds, timestamp.nanos)
        .map_err(|_| Rejection::attribute("time", "is out of range"))?;
    Ok(Some(Cow::Owned(instant.to_string())))
}
