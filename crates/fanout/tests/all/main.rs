//! The fan-out of an event, with a simulated publisher.
#![allow(clippy::unwrap_used)]

mod enqueue;
