//! `/event-types`: the catalogue.

use axum::Json;
use axum::extract::RawQuery;
use domain::EventType;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::caller::Reader;
use crate::problem::Problem;
use crate::query::Query;

/// The whole catalogue; it has no pages.
#[derive(Serialize)]
pub(crate) struct Catalogue {
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

/// `GET /event-types`
pub(crate) async fn list(_: Reader, RawQuery(query): RawQuery) -> Result<Json<Catalogue>, Problem> {
    Query::parse(query.as_deref()).finish()?;
    Ok(Json(Catalogue { data: EventType::all().map(entry).collect() }))
}

fn entry(event_type: EventType) -> Entry {
    let example = serde_json::from_str(event_type.example_data()).expect("the catalogue's examples are JSON");
    Entry { r#type: event_type, group: event_type.group(), title: event_type.title(), example }
}
