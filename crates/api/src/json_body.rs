//! Bodies in JSON.

use axum::extract::Request;
use web::body;

use crate::problem::Problem;

/// What the API takes of those who have a token, in bytes; the longest sensible body has a few kilobytes.
const MAX_BYTES: usize = 1024 * 1024;

/// What a `POST` takes.
pub(crate) const JSON: &[&str] = &["application/json"];
/// What a `PATCH` takes: RFC 7396, by its own name or as plain JSON.
pub(crate) const MERGE_PATCH: &[&str] = &["application/json", "application/merge-patch+json"];

/// The body of a request that sends one of `media_types`.
///
/// # Errors
/// 400, 408, 413 or 415.
pub(crate) async fn read(request: Request, media_types: &[&str]) -> Result<Vec<u8>, Problem> {
    Ok(body::read(request, MAX_BYTES, media_types).await?)
}
