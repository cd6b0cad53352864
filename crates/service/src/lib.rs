//! What both programs do around their work: the common part of the command line, and a process from its settings to its
//! end.
//!
//! Nothing here knows what a program works on: `fanout` and `sender` build that in their `app.rs`.

pub mod cli;
mod process;

pub use process::Process;
