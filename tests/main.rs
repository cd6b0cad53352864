//! What the system promises to CRM services, receivers, administrators and operators, with the real programs.

mod absence;
mod api_fuzz;
mod auto_pause;
mod bad_events;
mod edits;
mod isolation;
mod lost_retries;
mod openapi;
mod pause;
mod poison;
mod prune;
mod recover;
mod refusals;
mod repeats;
mod retries;
mod secrets;
mod shutdown;
mod story;
mod test_button;
mod traces;
