//! What tests and benchmarks need beside the programs: a programmable HTTPS receiver ([`receiver`]), a name server
//! ([`name_server`]), messages as no client library writes them ([`raw_amqp`]), and checks of JSON and of transitions.
//!
//! Servers, programs and waiting come from `devstack`; tests find them here under the same names.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod json_schema;
pub mod name_server;
pub mod raw_amqp;
pub mod receiver;
mod transitions;

pub use devstack::{Stack, browser, certificates, dev_directory, http, servers, service, shared_stack, stack, wait};
pub use transitions::check_transitions;
