//! The API over a real socket, with a real PostgreSQL.

mod access;
mod api;
mod bodies;
mod connections;
mod deliveries;
mod event_types;
mod outage;
mod webhooks;
