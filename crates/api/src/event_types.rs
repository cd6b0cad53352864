//! `GET /event-types`: the catalogue of event types.

use axum::Json;
use axum::extract::RawQuery;
use domain::EventType;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::caller::RequireViewer;
use crate::openapi::schema::{object, reference};
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::query::Query;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/event-types", handler)
        .for_viewers("About", "listEventTypes", "List the event types, with examples")
        .answer(200, "All event types", reference("EventTypeCatalogue"))
        .problems(&[Kind::ValidationFailed])
}

/// The schemas of the answer.
pub(crate) fn schemas() -> Value {
    json!({
        "EventTypeCatalogue": object(json!({"data": {"type": "array", "items": reference("EventTypeEntry")}})),
        "EventTypeEntry": object(json!({
            "type": reference("EventType"),
            "group": {"type": "string"},
            "title": {"type": "string"},
            "example": {"type": "object"},
        })),
    })
}

/// The whole catalogue; it has no pages.
#[derive(Serialize)]
struct Catalogue {
    data: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    r#type: EventType,
    group: &'static str,
    title: &'static str,
    /// An event's `data`.
    example: &'static RawValue,
}

async fn handler(_: RequireViewer, RawQuery(query): RawQuery) -> Result<Json<Catalogue>, Problem> {
    Query::parse(query.as_deref()).finish()?;
    Ok(Json(Catalogue {
        data: EventType::all().map(entry).collect(),
    }))
}

fn entry(event_type: EventType) -> Entry {
    let example = serde_json::from_str(event_type.example_data()).expect("the catalogue's examples are JSON");
    Entry {
        r#type: event_type,
        group: event_type.group(),
        title: event_type.title(),
        example,
    }
}
