//! `GET /find`: searches for an event or a record, with a verdict for every webhook.

use admin::{FindForm, Found, FoundEvent, FoundWebhook, MAX_FOUND_EVENTS, MAX_SEARCH_BYTES, Published};
use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{DeliveryId, Verdict, WebhookId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::caller::RequireViewer;
use crate::openapi::schema::{
    count, count_of, number_or_null, object, or_null, reference, text, text_or_null, time, time_or_null,
};
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::state::ApiState;

pub(crate) const TAG: &str = "Events";

const ABOUT: &str = "For each event found, newest first, every webhook of the account has a verdict: from the delivery log, and \
for the others from the webhook as it is today. An event that matched no webhook is not in the log, and neither is one whose \
first attempts have not ended; `published` says what the CRM published at all. An event whose deliveries cannot all be \
read, beside newer ones, is left out.";

const Q: &str = "An event id, a `webhook-id` (`msg_…`), or the record that events are about, their `subject`: whole, such as \
`deals/9001`, or its last part, such as `9001`. The first of these that finds anything answers. At most 255 bytes, without \
control characters";

pub(crate) fn operation() -> Operation {
    let limits = json!({"type": "string", "minLength": 1, "maxLength": MAX_SEARCH_BYTES});
    let event_type = "Only events of this type, which the catalogue need not have; `published` is then about it";
    Operation::get("/api/v1/find", handler)
        .for_viewers(TAG, "find", "Find an event, with its verdict at every webhook")
        .about(ABOUT)
        .query("q", Q, limits.clone())
        .query("event_type", event_type, limits)
        .answer(200, "What was found, which may be nothing", reference("Found"))
        .problems(&[Kind::ValidationFailed])
}

/// The schemas of the answer.
pub(crate) fn schemas() -> Value {
    json!({
        "Found": object(json!({
            "query": text("What was searched for, without surrounding white space"),
            "events": {"type": "array", "maxItems": MAX_FOUND_EVENTS, "items": reference("FoundEvent")},
            "published": reference("Published"),
        })),
        "FoundEvent": object(json!({
            "event_id": {"type": "string"},
            "event_type": {"type": "string"},
            "subject": text_or_null("The record that it is about; null without one, and for one of more than 255 bytes"),
            "accepted_at": time(),
            "webhooks": {"type": "array", "items": reference("FoundWebhook")},
        })),
        "FoundWebhook": object(json!({
            "webhook_id": reference("WebhookId"),
            "name": text_or_null("The last name of a deleted webhook; null when it is not known any more"),
            "verdict": reference("Verdict"),
            "delivery_id": or_null(reference("DeliveryId")),
            "detail": text("Why, in a sentence"),
        })),
        "Published": published(),
        "UnknownType": object(json!({
            "event_type": text("The first 64 characters of its name"),
            "events": count(),
        })),
    })
}

fn published() -> Value {
    let mut published = object(json!({
        "of_type_24h": number_or_null("Events of the type; null without a type"),
        "unmatched_of_type_24h": number_or_null("Those of them that matched no webhook"),
        "other_types_24h": count_of("Events of all other types; of all types without a type"),
        "last_of_type_at": time_or_null(),
        "unknown_types": {
            "type": "array",
            "description": "Types that the catalogue does not have, whose events are counted and dropped; the most frequent first, \
                at most 50 a day",
            "items": reference("UnknownType"),
        },
    }));
    published["description"] = "What the CRM published for the account, in the current hour and the 23 before it. *The type* is \
        `event_type` of the request, else the type of the newest event found. The last event of the type is known for 30 days. \
        Counts are some seconds old."
        .into();
    published
}

#[derive(Serialize)]
struct Representation {
    query: String,
    events: Vec<EventRepresentation>,
    published: PublishedRepresentation,
}

#[derive(Serialize)]
struct EventRepresentation {
    event_id: String,
    event_type: String,
    subject: Option<String>,
    accepted_at: Timestamp,
    webhooks: Vec<WebhookRepresentation>,
}

#[derive(Serialize)]
struct WebhookRepresentation {
    webhook_id: WebhookId,
    name: Option<String>,
    verdict: Verdict,
    delivery_id: Option<DeliveryId>,
    detail: String,
}

#[derive(Serialize)]
struct PublishedRepresentation {
    of_type_24h: Option<i64>,
    unmatched_of_type_24h: Option<i64>,
    other_types_24h: i64,
    last_of_type_at: Option<Timestamp>,
    unknown_types: Vec<UnknownType>,
}

#[derive(Serialize)]
struct UnknownType {
    event_type: String,
    events: i64,
}

impl From<Found> for Representation {
    fn from(found: Found) -> Self {
        Self {
            query: found.query,
            events: found.events.into_iter().map(EventRepresentation::from).collect(),
            published: found.published.into(),
        }
    }
}

impl From<FoundEvent> for EventRepresentation {
    fn from(event: FoundEvent) -> Self {
        Self {
            event_id: event.event_id,
            event_type: event.event_type,
            subject: event.subject,
            accepted_at: event.accepted_at,
            webhooks: event.webhooks.into_iter().map(WebhookRepresentation::from).collect(),
        }
    }
}

impl From<FoundWebhook> for WebhookRepresentation {
    fn from(webhook: FoundWebhook) -> Self {
        Self {
            webhook_id: webhook.webhook,
            name: webhook.name,
            verdict: webhook.finding.verdict,
            delivery_id: webhook.delivery,
            detail: webhook.finding.detail,
        }
    }
}

impl From<Published> for PublishedRepresentation {
    fn from(published: Published) -> Self {
        let unknown = |(event_type, events)| UnknownType { event_type, events };
        Self {
            of_type_24h: published.of_type,
            unmatched_of_type_24h: published.unmatched_of_type,
            other_types_24h: published.other_types,
            last_of_type_at: published.last_of_type_at,
            unknown_types: published.unknown_types.into_iter().map(unknown).collect(),
        }
    }
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Representation>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let given = |text: &str| Some(text.to_owned());
    let form = FindForm {
        text: query.take("q", "", given).unwrap_or_default(),
        event_type: query.take("event_type", "", given),
    };
    query.finish()?;
    Ok(Json(state.admin.find(&caller.account, form).await?.into()))
}
