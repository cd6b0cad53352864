//! The delivery of a job, step by step, with simulated ports and a paused clock.
#![allow(clippy::unwrap_used)]

mod deliver;
mod ports;
