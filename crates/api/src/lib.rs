//! The admin API under `/api/v1`, in JSON.
//!
//! One file an operation: its route, its description in OpenAPI, its handler and its own problems. [`operations`] is the
//! list of them all; router, description and metrics' labels are made from it. Handlers parse, call a use case of `admin`
//! or read from `store`, and represent the result. Errors are problems (RFC 9457).
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod caller;
mod check_event;
mod deliveries;
mod entity_tag;
mod event_types;
mod find;
mod idempotency;
mod json_body;
mod json_object;
mod meta;
mod notifications;
mod openapi;
mod operation;
mod operations;
mod page;
mod problem;
mod query;
mod router;
mod state;
mod surface;
mod tokens;
mod webhooks;

pub use operation::Operation;
pub use operations::{document, operations};
pub use router::router;
pub use state::ApiState;
pub use surface::ApiSurface;
