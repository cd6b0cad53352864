//! sender: consumes delivery jobs from RabbitMQ, posts them signed to their endpoints, records the outcomes in
//! PostgreSQL and schedules retries. `ARCHITECTURE.md` has the map; the flow is `take_job` → `dedup` → `attempt`
//! → `record_outcome` → `schedule_retry`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app;
mod attempt;
mod auto_pause;
mod cli;
mod database_outage;
mod dedup;
mod deliver;
mod egress_health;
mod in_flight;
mod metrics;
mod record_outcome;
mod records;
mod reject_job;
mod run_test;
mod schedule_retry;
mod slots;
mod suspension;
mod take_job;
mod take_test;
mod targets;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
