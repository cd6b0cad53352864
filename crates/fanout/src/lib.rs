//! fanout: consumes CRM events from RabbitMQ, matches them with webhooks' subscriptions and publishes delivery jobs;
//! serves the admin API. `ARCHITECTURE.md` has the map; the flow is `receive_event` → `match_event` → `enqueue`.
//!
//! A library beside the program, so that tests run the flow without a broker.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app;
mod ask_sender;
mod backlog;
pub mod cli;
pub mod enqueue;
mod event_counts;
mod housekeeping;
pub mod job_budget;
mod lanes;
mod mail;
pub mod match_event;
mod metrics;
mod receive_event;
pub mod recent_deliveries;
mod reject_event;
pub mod relay;
mod serve_console;
mod subscriptions;
