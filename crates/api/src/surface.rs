//! Failures of the edge as problems.

use axum::response::{IntoResponse, Response};
use uuid::Uuid;
use web::{Failure, Surface};

use crate::problem::Problem;

/// The edge's view of the API.
#[derive(Debug, Clone, Copy)]
pub struct ApiSurface;

impl Surface for ApiSurface {
    fn complete(&self, mut response: Response, request: Uuid) -> Response {
        match response.extensions_mut().remove::<Failure>() {
            Some(Failure::Internal) => Problem::internal(request).into_response(),
            Some(failure) => Problem::from(failure).into_response(),
            None => response,
        }
    }
}
