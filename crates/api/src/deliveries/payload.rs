//! `GET /deliveries/{id}/payload`: the bytes that are signed and posted, as a file to save.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::DeliveryId;
use serde_json::json;
use web::PathId;

use super::TAG;
use crate::caller::RequireViewer;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn operation() -> Operation {
    Operation::get("/api/v1/deliveries/{id}/payload", handler)
        .for_viewers(
            TAG,
            "getDeliveryPayload",
            "Get the payload of a delivery, byte for byte",
        )
        .about("The exact bytes that the sender signs and posts, for example to verify a signature.")
        .id("DeliveryId")
        .answer(200, "The payload", json!({"type": "object"}))
        .answer_header(200, "Content-Disposition", "A file name with the id of the delivery")
}

async fn handler(
    RequireViewer(caller): RequireViewer,
    PathId(id): PathId<DeliveryId>,
    State(state): State<ApiState>,
) -> Result<Response, Problem> {
    let payload = state
        .admin
        .database
        .payload(&caller.account, id)
        .await?
        .ok_or_else(Problem::not_found)?;
    let file = HeaderValue::try_from(format!("attachment; filename=\"{id}.json\""));
    let file = file.expect("a delivery's id is letters and digits");
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json), (CONTENT_DISPOSITION, file)], payload).into_response())
}
