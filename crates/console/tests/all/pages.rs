//! The console's pages, as a browser without JavaScript uses them.

mod access;
pub mod browser;
mod conditions;
mod form;
mod hostile;
mod log;
mod session;
mod sso;
mod verify;
mod webhook;
