//! What webhooks receive: one description for each type of event.

use domain::EventType;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::schema::{object, reference, time};

const ABOUT: &str = "The sender signs each request as Standard Webhooks specifies: `v1,` and the base64 of the HMAC-SHA256 of `webhook-id`, \
`webhook-timestamp` and the body, joined by full stops, with the key of the webhook's secret. Delivered at least once: the \
same `webhook-id` may come again.";

const CLIENT_ERROR: &str = "The delivery fails. Only 408 and 425 are retried like 5xx; the operator can have the others \
retried too (setting `retry.client_errors`)";

const RATE_LIMIT: &str = "The sender defers the delivery, at least for `Retry-After`, and the service adapts the webhook's \
release rate to what the receiver accepts. A deferral uses no step of the retry ladder and counts as no failure; after 24 \
hours of deferrals the delivery fails. A manual retry is one attempt: it fails";

const SERVER_ERROR: &str = "The delivery is retried by the retry ladder, after `Retry-After` if that is longer than the \
step, and fails after the last step. 503 with `Retry-After` also throttles the webhook. A manual retry is one attempt: it \
fails";

/// The section `webhooks`.
pub(super) fn webhooks() -> Value {
    EventType::all()
        .map(|event_type| (event_type.name().to_owned(), webhook(event_type)))
        .collect::<Map<_, _>>()
        .into()
}

/// The body that every event has.
pub(super) fn schemas() -> Value {
    let mut body = object(json!({
        "type": reference("EventType"),
        "timestamp": time(),
        "id": {"type": "string"},
        "account": {"type": "string"},
        "data": {"description": "The event's data, byte for byte as the CRM published it"},
    }));
    body["properties"]["subject"] = json!({"type": "string"});
    body["properties"]["test"] = json!({"const": true, "description": "Only in test deliveries"});
    json!({"EventBody": body})
}

fn webhook(event_type: EventType) -> Value {
    let data: &RawValue = serde_json::from_str(event_type.example_data()).expect("the catalogue's examples are JSON");
    let data: Value = serde_json::from_str(data.get()).expect("the catalogue's examples are JSON");
    let body = json!({
        "allOf": [reference("EventBody"), {"properties": {"type": {"const": event_type.name()}}}],
        "examples": [{
            "type": event_type.name(),
            "timestamp": "2026-11-23T06:00:00Z",
            "id": "0199b3a0-5f5e-7c3f-9a46-0d2f6c1f6b11",
            "account": "acme",
            "data": data,
        }],
    });
    json!({"post": {
        "operationId": operation_id(event_type),
        "summary": event_type.title(),
        "description": ABOUT,
        "security": [],
        "parameters": headers(),
        "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "The delivery is delivered. The sender reads at most 64 KiB of the response"},
            "3XX": {"description": "The delivery fails: the sender follows no redirect"},
            "4XX": {"description": CLIENT_ERROR},
            "410": {"description": "The delivery fails, and the service pauses the webhook"},
            "429": {"description": RATE_LIMIT},
            "5XX": {"description": SERVER_ERROR},
        },
    }})
}

/// `deal.won` is `onDealWon`.
fn operation_id(event_type: EventType) -> String {
    let mut id = "on".to_owned();
    for word in event_type.name().split(['.', '_']) {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_uppercase());
        id.push_str(rest);
    }
    id
}

fn headers() -> Value {
    let header = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "header", "required": true, "description": description, "schema": schema});
    json!([
        header(
            "webhook-id",
            "Id of the delivery, the same for every attempt",
            reference("DeliveryId")
        ),
        header(
            "webhook-timestamp",
            "Time of this attempt, in Unix seconds",
            json!({"type": "string", "pattern": "^[0-9]+$"})
        ),
        header(
            "webhook-signature",
            "One signature, or several separated by spaces while a former secret still signs",
            json!({"type": "string", "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$"}),
        ),
    ])
}
