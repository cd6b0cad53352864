//! Private servers and services for real: starting, killing, starting again, sharing, ending.
#![allow(clippy::unwrap_used)]

mod cluster;
mod lifetimes;
mod postgres;
mod rabbit;
mod stack;

use std::time::Duration;

/// More than anything here takes on a busy machine; a longer wait is a failure.
const DEADLINE: Duration = Duration::from_secs(60);
