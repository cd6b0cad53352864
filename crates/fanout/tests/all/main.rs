//! The matching of an event, and its fan-out with a simulated publisher.
#![allow(clippy::unwrap_used)]

mod conditions;
mod enqueue;
