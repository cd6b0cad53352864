//! The API over a real socket, with a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod access;
mod again;
mod api;
mod audit;
mod bodies;
mod check_event;
mod check_request;
mod conditions;
mod connections;
mod deliveries;
mod event_types;
mod find;
mod hostile;
mod idempotency;
mod meta;
mod neighbours;
mod notifications;
mod openapi;
mod outage;
mod pages;
mod pausing;
mod refusals;
mod request_headers;
mod request_limit;
mod secrets;
mod service_tokens;
mod snapshots;
mod stats;
mod test_button;
mod tokens;
mod viewers;
mod webhooks;
