//! The store on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod changes;
mod delivery_log;
mod fixture;
mod migrations;
mod outages;
mod outcomes;
mod secrets;
mod subscriptions;
mod tokens;
mod webhooks;
