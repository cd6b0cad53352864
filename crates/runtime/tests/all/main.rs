//! The runtime from outside: over real HTTP, and as real processes that are sent real signals.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

mod child;
mod logs;
mod shutdown;
mod telemetry_server;
