//! The harness of the end-to-end tests: the real `fanout` and `sender` as child processes, on real servers.
//!
//! A [`Site`] is one test's own virtual host, database and settings; [`Program`]s run on it. Most tests want a
//! [`Deployment`]: a site with one of each program, a receiver, and the hands of an administrator ([`Api`]) and of a CRM
//! service ([`Crm`]). What a program does is judged from outside only: requests that arrive, the admin API, queues,
//! metrics, log lines, exit statuses. Names of queues and headers are spelled out here and in the tests, not taken from
//! the programs' crates: a renamed one must fail a test.

mod api;
pub mod browser;
mod crm;
mod database;
mod deployment;
mod event;
mod link;
mod log_lines;
mod persistent_crm;
mod program;
mod queue;
mod site;

use std::time::Duration;

pub use api::{Api, Webhook};
pub use crm::{Crm, Message};
pub use database::Database;
pub use deployment::Deployment;
pub use event::Event;
pub use link::Link;
pub use log_lines::LogLine;
pub use persistent_crm::PersistentCrm;
pub use program::Program;
pub use queue::{Taken, browse, take_all};
pub use site::Site;

/// Longer than anything takes on a busy machine, waits for retries included; a longer wait is a failure.
pub const DEADLINE: Duration = Duration::from_secs(60);
