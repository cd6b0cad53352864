//! Attempts against a real HTTPS server on this machine: what every kind of answer, silence and attack ends as.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod answers;
mod connections;
mod failures;
mod proxy;
mod setup;
mod tls;
