//! `POST /deliveries/{id}/retry`: one attempt of a failed or delivered delivery, now. A body is not looked at.

use axum::extract::{Request, State};
use axum::response::Response;
use domain::DeliveryId;
use web::PathId;

use super::TAG;
use super::representation::DeliveryRepresentation;
use crate::caller::RequireAdmin;
use crate::idempotency::{Answer, Answered, RepeatableRequest};
use crate::openapi::schema::reference;
use crate::operation::Operation;
use crate::problem::{Kind, Problem};
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::post("/api/v1/deliveries/{id}/retry", handler)
        .for_admins(TAG, "retryDelivery", "Send a failed or delivered delivery again (manual retry)")
        .about("The sender makes one attempt under the same `webhook-id`: a receiver that deduplicates ignores a delivery that it has processed. While the webhook is paused, the delivery is held. Test deliveries cannot be sent again.")
        .id("DeliveryId")
        .idempotent_by_key()
        .answer(202, "The delivery", reference("Delivery"))
        .problems(&[Kind::NotFailed])
}

async fn handler(
    RequireAdmin(caller): RequireAdmin,
    PathId(id): PathId<DeliveryId>,
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let request = RepeatableRequest::without_body(&request)?;
    let work = async |_| {
        let delivery = state.admin.retry_delivery(&caller, id).await?;
        Ok(Answer::accepted(&DeliveryRepresentation::from(delivery)))
    };
    request
        .carry_out_once(&state.admin.database, &caller, work, Answered::accepted)
        .await
}
