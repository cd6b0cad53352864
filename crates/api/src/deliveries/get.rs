//! `GET /deliveries/{id}`: a delivery with its payload and attempts.

use axum::Json;
use axum::extract::State;
use domain::DeliveryId;
use web::PathId;

use super::TAG;
use super::representation::DeliveryDetailRepresentation;
use crate::caller::RequireViewer;
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/deliveries/{id}", handler)
        .for_viewers(TAG, "getDelivery", "Get a delivery with its payload and attempts")
        .id("DeliveryId")
        .answer(200, "The delivery", reference("DeliveryDetail"))
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<DeliveryId>,
    State(state): State<ApiState>,
) -> Result<Json<DeliveryDetailRepresentation>, Problem> {
    let detail = state
        .admin
        .database
        .delivery(&caller.account, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Json(detail.into()))
}
