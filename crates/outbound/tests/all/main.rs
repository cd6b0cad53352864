//! Attempts against a real HTTPS server on this machine: the outcome of every kind of response, silence and attack.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod answers;
mod connections;
mod failures;
mod names;
mod odd_answers;
mod proxy;
mod setup;
mod tls;
