//! sender: takes delivery jobs from RabbitMQ, posts them signed to their webhooks, writes the outcomes to PostgreSQL and
//! schedules retries. `ARCHITECTURE.md` has the map; the flow is `take_job` → `look_before` → `attempt` →
//! `record_outcome` → `schedule_retry`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app;
mod attempt;
mod cli;
mod deliver;
mod in_flight;
mod look_before;
mod metrics;
mod record_outcome;
mod reject_job;
mod run_test;
mod schedule_retry;
mod slots;
mod take_job;
mod take_test;
mod targets;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
