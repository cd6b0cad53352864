//! Private servers and services for real: starting, killing, starting again, sharing, ending.
#![allow(clippy::unwrap_used)]

#[path = "all/lifetimes.rs"]
mod lifetimes;
#[path = "all/postgres.rs"]
mod postgres;
#[path = "all/rabbit.rs"]
mod rabbit;
#[path = "all/stack.rs"]
mod stack;

use std::time::Duration;

/// More than anything here takes on a busy machine; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(60);
