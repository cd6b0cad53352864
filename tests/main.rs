//! What the system promises to CRM services, receivers, administrators and operators, with the real programs.

mod absence;
mod bad_events;
mod edits;
mod poison;
mod refusals;
mod repeats;
mod retries;
mod secrets;
mod shutdown;
mod story;
mod traces;
