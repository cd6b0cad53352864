//! CRM events as services publish them, and what receivers must get.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::Timestamp;
use wire::schema::cloudevents::CloudEvent;
use wire::schema::cloudevents::cloud_event::cloud_event_attribute_value::Attr;
use wire::schema::cloudevents::cloud_event::{CloudEventAttributeValue, Data};

use crate::Message;

/// The tenant that events belong to unless a test says otherwise.
const ACCOUNT: &str = "acme";

/// An event of the CRM.
#[derive(Debug, Clone)]
pub struct Event {
    /// CloudEvents `type`, and the routing key.
    pub event_type: String,
    /// CloudEvents `id`; visible ASCII without quotes or backslashes, so that it stands in JSON as it is.
    pub id: String,
    /// The tenant.
    pub account: String,
    /// JSON text.
    pub data: String,
}

impl Event {
    /// An event of account `acme` with some data.
    pub fn new(event_type: &str, id: &str) -> Self {
        let data = r#"{"id":"deal_9001","amount":"12000.00"}"#.to_owned();
        Self {
            event_type: event_type.to_owned(),
            id: id.to_owned(),
            account: ACCOUNT.to_owned(),
            data,
        }
    }

    /// `deal.won`, `count` times, with ids that start with `prefix`.
    pub fn deals_won(prefix: &str, count: usize) -> Vec<Self> {
        (0..count)
            .map(|number| Self::new("deal.won", &format!("{prefix}-{number}")))
            .collect()
    }

    /// The same event with other data.
    #[must_use]
    pub fn with_data(self, data: &str) -> Self {
        Self {
            data: data.to_owned(),
            ..self
        }
    }

    /// The same event of another tenant.
    #[must_use]
    pub fn of_account(self, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            ..self
        }
    }

    /// As a message in the CloudEvents JSON format.
    pub fn as_json(&self) -> Message {
        let Self {
            event_type,
            id,
            account,
            data,
        } = self;
        let body = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/crm/deals","type":"{event_type}","time":"2026-11-23T06:00:00Z","subject":"deals/9001","account":"{account}","datacontenttype":"application/json","data":{data}}}"#
        );
        Message::new(event_type, body).content_type("application/cloudevents+json")
    }

    /// As a message in the CloudEvents protobuf format.
    pub fn as_protobuf(&self) -> Message {
        let text = |value: &str| CloudEventAttributeValue {
            attr: Some(Attr::CeString(value.to_owned())),
        };
        // 2026-11-23T06:00:00Z
        let time = Attr::CeTimestamp(Timestamp {
            seconds: 1_795_413_600,
            nanos: 0,
        });
        let attributes = HashMap::from([
            ("subject".to_owned(), text("deals/9001")),
            ("account".to_owned(), text(&self.account)),
            ("time".to_owned(), CloudEventAttributeValue { attr: Some(time) }),
        ]);
        let event = CloudEvent {
            id: self.id.clone(),
            source: "/crm/deals".to_owned(),
            spec_version: "1.0".to_owned(),
            r#type: self.event_type.clone(),
            attributes,
            data: Some(Data::TextData(self.data.clone())),
        };
        Message::new(&self.event_type, event.encode_to_vec()).content_type("application/cloudevents+protobuf")
    }

    /// As a message in binary mode: attributes in headers, whose names start with `prefix`.
    pub fn as_binary(&self, prefix: &str) -> Message {
        let attributes = [
            ("specversion", "1.0"),
            ("id", &self.id),
            ("source", "/crm/deals"),
            ("type", &self.event_type),
            ("time", "2026-11-23T06:00:00Z"),
            ("subject", "deals/9001"),
            ("account", &self.account),
        ];
        let message = Message::new(&self.event_type, self.data.as_str()).content_type("application/json");
        attributes.into_iter().fold(message, |message, (name, value)| {
            message.header(&format!("{prefix}{name}"), value)
        })
    }

    /// What a receiver must get for it, byte for byte.
    pub fn posted_body(&self) -> String {
        let Self {
            event_type,
            id,
            account,
            data,
        } = self;
        format!(
            r#"{{"type":"{event_type}","timestamp":"2026-11-23T06:00:00Z","id":"{id}","account":"{account}","subject":"deals/9001","data":{data}}}"#
        )
    }
}
