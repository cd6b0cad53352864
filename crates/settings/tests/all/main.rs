//! The settings from outside.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

mod environment;
