//! Real servers, a real browser, a real network and honest waiting for tests, the development stack and the demo.
//!
//! Nothing here ships: `fanout` and `sender` never depend on it. It owns private PostgreSQL and RabbitMQ servers
//! ([`servers`]), the pair that all integration tests of one run share ([`shared_stack`]), a plain HTTP client for
//! APIs under test ([`http`]) and waiting for conditions with a deadline ([`wait`]).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod browser;
pub mod certificates;
mod checkout;
pub mod http;
pub mod json_schema;
pub mod name_server;
pub mod raw_amqp;
pub mod receiver;
pub mod servers;
pub mod service;
pub mod stack;
mod transitions;
pub mod wait;

pub use checkout::dev_directory;
pub use stack::{Stack, shared_stack};
pub use transitions::check_transitions;
