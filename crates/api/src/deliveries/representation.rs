//! Deliveries and attempts as clients see them.

use domain::{DeliveryId, DeliveryState, Outcome, Trigger, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::delivery_log::{Attempt, Delivery, DeliveryDetail};

use crate::openapi::schema::{
    count, count_of, number_or_null, object, page, reference, text as text_schema, text_or_null, time, time_or_null,
};

/// A delivery; `A` is how its attempts are represented.
#[derive(Serialize)]
pub(super) struct Representation<A> {
    id: DeliveryId,
    webhook_id: WebhookId,
    event_id: String,
    event_type: String,
    subject: Option<String>,
    state: DeliveryState,
    test: bool,
    attempts: A,
    http_status: Option<i16>,
    error: Option<String>,
    response_time_ms: Option<i32>,
    created_at: Timestamp,
    updated_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
}

/// A line of the log, with the number of attempts.
pub(super) type DeliveryRepresentation = Representation<i32>;

impl From<Delivery> for DeliveryRepresentation {
    fn from(delivery: Delivery) -> Self {
        let attempts = delivery.attempts;
        Self::new(delivery, attempts)
    }
}

impl<A> Representation<A> {
    fn new(delivery: Delivery, attempts: A) -> Self {
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            subject: delivery.subject,
            state: delivery.state,
            test: delivery.test,
            attempts,
            http_status: delivery.http_status,
            error: delivery.error,
            response_time_ms: delivery.response_time_ms,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
            next_attempt_at: delivery.next_attempt_at,
        }
    }
}

/// A delivery with its payload, and its attempts one by one.
#[derive(Serialize)]
pub(super) struct DeliveryDetailRepresentation {
    #[serde(flatten)]
    delivery: Representation<Vec<AttemptRepresentation>>,
    /// The exact bytes posted and signed. They are UTF-8: events that are not are never accepted.
    payload: String,
}

impl From<DeliveryDetail> for DeliveryDetailRepresentation {
    fn from(detail: DeliveryDetail) -> Self {
        let attempts = detail.attempts.into_iter().map(AttemptRepresentation::from).collect();
        Self {
            delivery: Representation::new(detail.delivery, attempts),
            payload: text(detail.payload),
        }
    }
}

#[derive(Serialize)]
struct AttemptRepresentation {
    number: i32,
    trigger: Trigger,
    at: Timestamp,
    outcome: Outcome,
    http_status: Option<i16>,
    response_time_ms: i32,
    error: Option<String>,
    /// A receiver may answer in any bytes, and the excerpt may end within a character.
    response_excerpt: Option<String>,
}

impl From<Attempt> for AttemptRepresentation {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            trigger: attempt.trigger,
            at: attempt.at,
            outcome: attempt.outcome,
            http_status: attempt.http_status,
            response_time_ms: attempt.response_time_ms,
            error: attempt.error,
            response_excerpt: attempt.response_excerpt.map(text),
        }
    }
}

/// Bytes as text, with U+FFFD for what is not UTF-8.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The schemas of all these.
pub(crate) fn schemas() -> Value {
    let mut detail = delivery();
    detail["attempts"] = json!({"type": "array", "items": reference("Attempt")});
    detail["payload"] = text_schema("The exact bytes that the sender signs and posts");
    json!({
        "Delivery": object(delivery()),
        "DeliveryPage": page("Delivery"),
        "DeliveryDetail": object(detail),
        "Attempt": object(json!({
            "number": {"type": "integer", "minimum": 1},
            "trigger": reference("Trigger"),
            "at": time(),
            "outcome": reference("Outcome"),
            "http_status": number_or_null("Null without a response"),
            "response_time_ms": count(),
            "error": text_or_null("Why there was no response"),
            "response_excerpt": text_or_null("The first 4 KiB of the response body"),
        })),
    })
}

fn delivery() -> Value {
    json!({
        "id": reference("DeliveryId"),
        "webhook_id": reference("WebhookId"),
        "event_id": {"type": "string"},
        "event_type": {"type": "string"},
        "subject": text_or_null("The record that the event is about; null without one, and for one of more than 255 bytes"),
        "state": reference("DeliveryState"),
        "test": {"type": "boolean"},
        "attempts": count_of("Number of attempts made"),
        "http_status": number_or_null("Status of the last response"),
        "error": text_or_null("Why the last attempt got no response"),
        "response_time_ms": number_or_null("Response time of the last attempt"),
        "created_at": time(),
        "updated_at": time(),
        "next_attempt_at": time_or_null(),
    })
}
