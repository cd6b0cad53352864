//! The API over a real socket, with a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod access;
mod api;
mod bodies;
mod connections;
mod deliveries;
mod event_types;
mod outage;
mod webhooks;
