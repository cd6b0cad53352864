//! fanout: consumes CRM events from RabbitMQ, matches them with webhooks' subscriptions and publishes delivery jobs;
//! serves the admin API. `ARCHITECTURE.md` has the map; the flow is `receive_event` → `subscriptions` → `enqueue`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app;
mod ask_sender;
mod backlog;
mod cli;
mod enqueue;
mod housekeeping;
mod job_budget;
mod lanes;
mod mail;
mod metrics;
mod receive_event;
mod recent_deliveries;
mod reject_event;
mod relay;
mod serve_console;
mod subscriptions;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
