//! Private servers and services for real: starting, killing, starting again, sharing, ending.
#![allow(clippy::unwrap_used)]

mod lifetimes;
mod postgres;
mod rabbit;
mod stack;

use std::time::Duration;

/// More than anything here takes on a busy machine; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(60);
