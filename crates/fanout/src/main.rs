//! fanout: takes CRM events from RabbitMQ, matches them against webhooks' subscriptions and enqueues delivery jobs;
//! serves the admin API. `ARCHITECTURE.md` has the map; the flow is `receive_event` → `subscriptions` → `enqueue`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
mod app;
mod ask_sender;
mod backlog;
mod cli;
mod enqueue;
mod housekeeping;
mod mail;
mod metrics;
mod receive_event;
mod recent_events;
mod reject_event;
mod relay;
mod subscriptions;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
