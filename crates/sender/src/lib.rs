//! sender: consumes delivery jobs from RabbitMQ, posts them signed to their endpoints, records the outcomes in
//! PostgreSQL and schedules retries. `ARCHITECTURE.md` has the map; the flow is `take_job` → `deliver` → `dedup` →
//! `slots` → `attempt` → `record_outcome` → `schedule_retry`.
//!
//! A library beside the program, so that tests run the flow with simulated [`ports`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app;
mod attempt;
pub mod auto_pause;
pub mod cli;
pub mod database_outage;
mod dedup;
pub mod deliver;
mod egress_health;
pub mod endpoints;
pub mod in_flight;
pub mod metrics;
pub mod pace;
pub mod ports;
pub mod record_outcome;
mod records;
mod reject_job;
mod run_test;
mod schedule_retry;
pub mod slots;
pub mod suspension;
mod take_job;
mod take_test;
