//! API and pages together, as `fanout` serves them.
//!
//! `admin` has the use cases, `api` and `pages` are the two ways to them, `web` is the HTTP edge around both. What is left
//! for this crate: one router of all, and the metrics' labels of its routes.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod fallback;
mod labels;
mod router;

pub use labels::{RequestLabels, RequestMethod};
pub use router::Console;
