//! `GET /webhooks/{id}/deliveries`: a page of a webhook's delivery log, newest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{EventType, WebhookId};
use store::delivery_log::{Filter, Place};
use web::PathId;

use super::TAG;
use super::representation::DeliveryRepresentation;
use crate::caller::RequireViewer;
use crate::openapi::schema::{reference, time};
use crate::operation::Operation;
use crate::page::{ListPage, Page};
use crate::problem::Problem;
use crate::query::{Query, TimeRange};
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/webhooks/{id}/deliveries", handler)
        .for_viewers(TAG, "listDeliveries", "List the deliveries of a webhook, newest first")
        .about("The log of a deleted webhook can be read until its deliveries expire.")
        .id("WebhookId")
        .query("state", "Only deliveries in this state", reference("DeliveryState"))
        .query(
            "event_type",
            "Only deliveries of this event type",
            reference("EventType"),
        )
        .query("since", "Only deliveries created at or after this time", time())
        .query("until", "Only deliveries created before this time", time())
        .paginated()
        .answer(200, "A page of deliveries", reference("DeliveryPage"))
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<DeliveryRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let filter = filter(&mut query);
    let page = ListPage::of(format!("deliveries of {id} of {}", caller.account), query)?;
    let place = page
        .after
        .map_or(Place::Newest, |cursor| Place::After(cursor.at, cursor.id.into()));
    let filter = Filter { place, ..filter };
    let database = &state.admin.database;
    if !database.has_log(&caller.account, id).await? {
        return Err(Problem::not_found());
    }
    let deliveries = database.deliveries(&caller.account, id, &filter, page.rows()).await?;
    Ok(Json(page.answer(deliveries, DeliveryRepresentation::from)))
}

fn filter(query: &mut Query<'_>) -> Filter {
    let states = "Must be one of queued, held, retrying, delivered and failed";
    let state = query.take("state", states, |text| text.parse().ok());
    let event_type = query.take("event_type", "There is no such event type", EventType::parse);
    let TimeRange { since, until } = query.time_range();
    let event_type = event_type.map(|event_type| event_type.name().to_owned());
    Filter {
        state,
        event_type,
        since,
        until,
        place: Place::Newest,
    }
}
