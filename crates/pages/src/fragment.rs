//! Requests of the script, which wants a part of the page only.

use axum::http::HeaderMap;

/// The id of the element that is wanted.
const FRAGMENT: &str = "x-fragment";

/// Whether only the element with this id is wanted.
pub(crate) fn is_wanted(headers: &HeaderMap, id: &str) -> bool {
    headers.get(FRAGMENT).is_some_and(|name| name == id)
}
