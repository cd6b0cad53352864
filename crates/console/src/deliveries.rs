//! The delivery log: `/webhooks/{id}/deliveries` and `/deliveries/{id}`.

mod again;
mod representation;

use axum::Json;
use axum::extract::{RawQuery, State};
use domain::{DeliveryId, EventType, WebhookId};
use store::delivery_log::{Delivery, Filter, Place};

use crate::caller::Reader;
use crate::page::{Cursor, Page};
use crate::path_id::PathId;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::ApiState;
pub(crate) use again::{progress, recover, retry};
use representation::{DeliveryDetailRepresentation, DeliveryRepresentation};

/// `GET /webhooks/{id}/deliveries`: a page of a webhook's log, newest first.
pub(crate) async fn list(
    Reader(caller): Reader,
    PathId(id): PathId<WebhookId>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<DeliveryRepresentation>>, Problem> {
    let mut query = Query::parse(query.as_deref());
    let filter = filter(&mut query);
    let (limit, cursor) = (query.limit(), query.cursor());
    query.finish()?;
    let list = format!("deliveries of {} of {}", id, caller.account);
    let after = cursor.map(|text| Cursor::decode(&list, &text)).transpose()?;
    let place = after.map_or(Place::Newest, |cursor| Place::After(cursor.at, cursor.id.into()));
    let filter = Filter { place, ..filter };
    if !state.database.webhook_exists(&caller.account, id).await? {
        return Err(Problem::not_found());
    }
    let deliveries = state.database.deliveries(&caller.account, id, &filter, limit + 1).await?;
    let cursor = |last: &Delivery| Cursor { at: last.created_at, id: last.id.as_uuid() }.encode(&list);
    Ok(Json(Page::new(deliveries, limit, cursor, DeliveryRepresentation::from)))
}

fn filter(query: &mut Query<'_>) -> Filter {
    let states = "Must be one of queued, held, retrying, delivered and failed";
    let state = query.take("state", states, |text| text.parse().ok());
    let event_type = query.take("event_type", "There is no such event type", EventType::parse);
    let (since, until) = (query.time("since"), query.time("until"));
    if since.is_some_and(|since| until.is_some_and(|until| since > until)) {
        query.refuse("since", "since_after_until", "`since` must not be later than `until`");
    }
    Filter { state, event_type: event_type.map(|it| it.name().to_owned()), since, until, place: Place::Newest }
}

/// `GET /deliveries/{id}`: everything known about one.
pub(crate) async fn show(
    Reader(caller): Reader,
    PathId(id): PathId<DeliveryId>,
    State(state): State<ApiState>,
) -> Result<Json<DeliveryDetailRepresentation>, Problem> {
    let detail = state.database.delivery(&caller.account, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(detail.into()))
}
