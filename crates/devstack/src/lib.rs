//! Starts and stops what the development stack, the demo, tests and benchmarks run on.
//!
//! Nothing here ships: `fanout` and `sender` never depend on it, and it knows nothing of events and deliveries. It owns
//! private PostgreSQL and RabbitMQ servers ([`servers`]), the pair that one checkout shares ([`Stack`]), the programs of
//! this project as child processes ([`service`]), a plain HTTP client ([`http`]), certificates ([`certificates`]) and
//! waiting for conditions with a deadline ([`wait`]).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod browser;
pub mod certificates;
mod checkout;
pub mod http;
pub mod servers;
pub mod service;
pub mod stack;
pub mod wait;

pub use checkout::dev_directory;
pub use stack::{Stack, shared_stack};
