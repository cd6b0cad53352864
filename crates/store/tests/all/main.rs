//! The store on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod audit;
mod changes;
mod delivery_log;
mod event_counts;
mod find;
mod fixture;
mod health;
mod mail;
mod migrations;
mod outages;
mod outcomes;
mod release;
mod retention;
mod search;
mod secrets;
mod sessions;
mod sso;
mod statements;
mod statuses;
mod subscriptions;
mod tests_made;
mod tokens;
mod webhooks;
